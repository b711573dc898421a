"""Method `comment`: what other tools write of themselves in comments, query tags and job labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from costlens.attribute.dbt_node import dbt_traits, purpose_of
from costlens.attribute.verdicts import Traits, Verdict, equal_shares
from costlens.marks import json_object, pairs_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.attribute.known import Known
    from costlens.attribute.scene import Scene

NAME = "comment"
_CONFIDENCE = 0.98
_READERS = ("looker", "sigma", "metabase", "hex", "mode")
_READER_LABELS = ("looker-context-user_id", "looker_studio_report_id")
_LABEL_KINDS = ("model_", "test_", "seed_", "snapshot_", "source_", "operation_", "unit_test_")


def speak(scene: Scene, _: Mapping[str, Sequence[ir.Table]]) -> list[ir.Table]:
    """Return verdicts by comment, by tag and by labels, in this order."""
    known = scene.known
    return [
        *scene.by_text("mark", lambda mark: _read(json_object(mark) or {}, "comment", known)),
        *scene.by_text("tag", lambda tag: _read(pairs_of(tag) or {}, "query tag", known)),
        *scene.by_text("labels", lambda labels: _read_labels(json_object(labels) or {}, known)),
    ]


def _read(body: Mapping[str, Any], where: str, known: Known) -> Verdict | None:
    found = _dbt(body, where, known) or _orchestrator(body, where, known)
    return found or (_verdict(where, None, Traits(purpose="read")) if body.get("tool") in _READERS else None)


def _dbt(body: Mapping[str, Any], where: str, known: Known) -> Verdict | None:
    """Read dbt's JSON (`node_id`) or Dagster Insights' mark in a dbt query comment (`<unique id>:<invocation>`)."""
    node, field = _text(body, "node_id"), "dbt node_id"
    opaque = _text(body, "dagster_opaque_id")
    if not node and opaque and opaque.count(".") >= 2:
        node, field = opaque.rpartition(":")[0] or opaque, "Dagster Insights mark"
    target = _text(body, "target_name")
    traits = dbt_traits(node, known, known.environment_of_target(target) if target else None)
    traits = traits.or_else(
        Traits(
            purpose=purpose_of(_text(body, "node_resource_type")),
            code_ref=_text(body, "node_original_file_path") or None,
        )
    )
    if not node and traits == Traits():
        return None
    asset = _asset_of_node(node, body, known) if node and not node.startswith("operation.") else None
    return _verdict(f"{where}, {field}", asset, traits)


def _asset_of_node(node: str, body: Mapping[str, Any], known: Known) -> str:
    """Return the asset of a node; one that no manifest knows may be known by its relation, else it stands for itself."""
    place = [_text(body, name) for name in ("node_database", "node_schema", "node_alias")]
    return known.by_node(node) or (known.relations.find(".".join(place)) if all(place) else None) or node


def _read_labels(body: Mapping[str, Any], known: Known) -> Verdict | None:
    """Read job labels; dbt's `node_id` is sanitised there: `model_p_x`, on older Fusion `_model_p_x_`."""
    label = _text(body, "node_id")
    target = _text(body, "target_name").strip("_")
    environment = known.environment_of_target(target) if target else None
    if label:
        plain = label.strip("_")
        kind = next((kind for kind in _LABEL_KINDS if plain.startswith(kind)), "")
        traits = Traits(environment, purpose_of(kind[:-1]))
        asset = known.by_node(label) or known.by_node_label(label)
        return _verdict("labels, dbt node_id", asset or (plain if kind and kind != "operation_" else None), traits)
    found = _orchestrator(body, "labels", known)
    traits = Traits(environment, "read" if any(name in body for name in _READER_LABELS) else None)
    return found or (_verdict("labels", None, traits) if traits != Traits() else None)


def _orchestrator(body: Mapping[str, Any], where: str, known: Known) -> Verdict | None:
    """Read Dagster's asset, Airflow's DAG and task, Streamlit's app: these two where the estate has such an asset."""
    if dagster := _text(body, "dagster_asset_key"):
        return _verdict(f"{where}, Dagster asset key", known.asset(dagster), Traits())
    dag = _text(body, "dag_id") or _text(body, "airflow-dag")
    task = _text(body, "task_id") or _text(body, "airflow-task")
    if dag and (asset := known.by_words(f"{dag}/{task}", dag)):
        return _verdict(f"{where}, Airflow DAG and task", asset, Traits())
    app = _text(body, "StreamlitName")
    if app and (found := known.relations.find(app)):
        return _verdict(f"{where}, Streamlit app", found, Traits(purpose="read"))
    return None


def _verdict(text: str, asset: str | None, traits: Traits) -> Verdict:
    return Verdict(NAME, _CONFIDENCE, text, equal_shares([asset] if asset else []), None, traits)


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) and value != "?" else ""
