"""Method `tag`: CostLens' own tag in a query tag, job label or comment, and the configured keys for asset and team."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from costlens.attribute.dbt_node import dbt_traits
from costlens.attribute.verdicts import Traits, Verdict, equal_shares
from costlens.marks import commit_of, json_object, pairs_of
from costlens.tagging.codec import decode_labels, decode_query_tag

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.attribute.known import Known
    from costlens.attribute.scene import Scene

NAME = "tag"
OWN_TEAM = "costlens"
_ORCHESTRATORS = ("dagster", "airflow", "dbt")  # what runs in a step of theirs builds, a read too
_CERTAIN, _GENERIC = 1.0, 0.95


def speak(scene: Scene, _: Mapping[str, Sequence[ir.Table]]) -> list[ir.Table]:
    """Return verdicts by tag, by labels and by comment, in this order."""
    known = scene.known
    return [
        *scene.by_text("tag", lambda tag: read_tag(tag, known)),
        *scene.by_text("labels", lambda labels: read_labels(labels, known)),
        *scene.by_text("mark", lambda mark: read_mark(mark, known)),
    ]


def read_tag(tag: str, known: Known) -> Verdict | None:
    """Return what a query tag says: ours, then the configured keys."""
    own = decode_query_tag(tag) if "cl" in tag else None
    return _both(_read_own(own, "query tag", known), _read_generic(pairs_of(tag) or {}, "query tag", known))


def read_labels(labels: str, known: Known) -> Verdict | None:
    """Return what job labels say: ours, then the configured keys."""
    body = json_object(labels) or {}
    return _both(_read_own(decode_labels(body), "labels", known), _read_generic(body, "label", known))


def read_mark(mark: str, known: Known) -> Verdict | None:
    """Return what our own comment in a statement says."""
    own = (json_object(mark) or {}).get("_cl") if '"_cl"' in mark else None
    return _read_own(own if isinstance(own, dict) else None, "comment", known)


def _both(own: Verdict | None, generic: Verdict | None) -> Verdict | None:
    if own is None or generic is None:
        return own or generic
    if own.speaks:
        return replace(own, team=own.team or generic.team)
    return replace(generic, traits=own.traits.or_else(generic.traits))


def _read_own(own: Mapping[str, Any] | None, where: str, known: Known) -> Verdict | None:
    if not own:
        return None
    node = own.get("n") or known.node_by_hash(own.get("h", ""))
    assets, field = _assets(own, node, known)
    team = own.get("t")
    traits = Traits(code_ref=own.get("f"), code_version=own.get("c")).or_else(dbt_traits(node, known))
    if own.get("o") in _ORCHESTRATORS:
        traits = traits.or_else(Traits(purpose="build"))
    if not assets and not team and traits == Traits():
        return None
    return Verdict(
        method=NAME,
        confidence=_CERTAIN,
        text=f"CostLens {where}, field {field}" if assets else f"CostLens {where}, field t",
        assets=equal_shares(assets),  # where a write target among them is known, it is to decide here
        team=known.team(team) if team else None,
        traits=traits,
    )


def _assets(own: Mapping[str, Any], node: str | None, known: Known) -> tuple[list[str], str]:
    """Return the assets of a tag and the field that names them; a dbt node says more than the assets of its run."""
    if node and (asset := known.by_node(node)):
        return [asset], "n"
    if own.get("a"):
        return [known.asset(name) for name in own["a"]], "a"
    hashes = [(digest, known.by_hash(digest)) for digest in own.get("k", ())]
    if any(asset for _, asset in hashes):
        return [asset or f"unknown/{digest}" for digest, asset in hashes], "k"
    if node:
        return [node], "n"
    return ([own["l"]], "l") if own.get("l") else ([], "")


def _read_generic(body: Mapping[str, Any], where: str, known: Known) -> Verdict | None:
    if str(body.get("app", "")).lower() == OWN_TEAM:
        traits = Traits(purpose="maintenance")
        return Verdict(NAME, _CERTAIN, f"{where} of CostLens' own queries", team=OWN_TEAM, traits=traits)
    lower = {key.lower(): (key, value) for key, value in body.items()}
    asset_key, asset = _named(lower, known.settings.asset_keys)
    team_key, team = _named(lower, known.settings.team_keys)
    traits = Traits(code_version=commit_of(body))
    if not asset and not team and traits == Traits():
        return None
    return Verdict(
        method=NAME,
        confidence=_GENERIC,
        text=f"{where}, key {' and '.join(key for key in (asset_key, team_key) if key) or 'of a commit'}",
        assets=equal_shares([known.asset(asset)]) if asset else (),
        team=known.team(team) if team else None,
        traits=traits,
    )


def _named(body: Mapping[str, tuple[str, Any]], keys: Sequence[str]) -> tuple[str, str]:
    for wanted in keys:
        key, value = body.get(wanted.lower(), ("", None))
        if isinstance(value, str) and value and value != "?":
            return key, value
    return "", ""
