"""Reads a dbt manifest (schema v2 to v12): models, seeds, snapshots, sources, and the tests on them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from costlens.errors import ConfigError
from costlens.estate import Asset, Ownership
from costlens.estates.reading import read_json

ASSETS = frozenset({"model", "seed", "snapshot", "source"})
TESTS = frozenset({"test", "unit_test"})
DBT = "dbt"
_VERSION = re.compile(r"/manifest/v(\d+)(?:\.json)?$")
_OLDEST = 2

Node = Mapping[str, Any]


@dataclass
class Manifest:
    """The assets of a manifest, who owns them, and what could not be told apart."""

    assets: list[Asset] = field(default_factory=list)
    ownership: list[Ownership] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)


def read_manifest(path: Path, precedence: int) -> Manifest:
    """Return what a manifest says; raises ConfigError where it is none.

    An asset's key is what dagster-dbt gives it by default: `meta.dagster.asset_key`, else the configured schema (if
    any) and the name; a source's is its source and name. A test is an asset of kind `test` whose key is its unique id
    and whose `upstream` begins with the asset it tests: its cost is that asset's.
    """
    raw = read_json(path)
    _check(raw, path)
    nodes = {
        unique_id: node
        for kind in ("nodes", "sources", "unit_tests")
        for unique_id, node in _dict(raw.get(kind)).items()
        if isinstance(node, dict) and str(node.get("resource_type", kind.removesuffix("s"))) in ASSETS | TESTS
    }
    manifest = Manifest()
    keys = _keys(nodes, manifest)
    groups = {str(_dict(group).get("name")): _dict(group) for group in _dict(raw.get("groups")).values()}
    for unique_id, node in nodes.items():
        group = groups.get(str(_config(node).get("group") or node.get("group")))
        manifest.assets.append(_asset(unique_id, node, keys, group))
        if node.get("resource_type") in ASSETS and (team := _team(node)):
            manifest.ownership.append(Ownership(keys[unique_id], team, origin=DBT, precedence=precedence))
    return manifest


def _check(raw: Mapping[str, Any], path: Path) -> None:
    said = str(_dict(raw.get("metadata")).get("dbt_schema_version", ""))
    version = _VERSION.search(said)
    if not version or not isinstance(raw.get("nodes"), dict):
        raise ConfigError(f"{path}: not a dbt manifest: name the manifest.json of dbt's target folder")
    if int(version.group(1)) < _OLDEST:
        raise ConfigError(f"{path}: manifest v{version.group(1)} is too old: write it with dbt 0.20 or later")


def _keys(nodes: Mapping[str, Node], manifest: Manifest) -> dict[str, str]:
    """Return the key of every node; a key that two nodes would share gets the package in front for the second."""
    keys: dict[str, str] = {}
    taken: dict[str, str] = {}
    for unique_id, node in nodes.items():
        key = "/".join(_path(node)) if node.get("resource_type") in ASSETS else unique_id
        if key in taken:
            own = f"{node.get('package_name')}/{key}"
            manifest.conflicts.append(
                f"asset {key}: both {taken[key]} and {unique_id} have this key: the second is {own}"
            )
            key = own
        keys[unique_id] = key
        taken[key] = unique_id
    return keys


def _path(node: Node) -> list[str]:
    """Return dagster-dbt's default asset key (`default_asset_key_fn`)."""
    key = _dict(_meta(node).get("dagster")).get("asset_key")
    if isinstance(key, str | list) and key:
        return [key] if isinstance(key, str) else [str(part) for part in key]
    if node.get("resource_type") == "source":
        return [str(node.get("source_name")), str(node.get("name"))]
    if node.get("version"):
        return [str(node.get("alias"))]
    schema = _config(node).get("schema")
    return [str(schema), str(node.get("name"))] if schema is not None else [str(node.get("name"))]


def _asset(unique_id: str, node: Node, keys: Mapping[str, str], group: Node | None) -> Asset:
    is_test = node.get("resource_type") not in ASSETS
    upstream = [keys[parent] for parent in _parents(node) if parent in keys]
    return Asset(
        key=keys[unique_id],
        relations=() if is_test else tuple(_relations(node)),
        kind="test" if is_test else _kind(node),
        owners=tuple(dict.fromkeys(_owners(node, group))),
        dbt_node=unique_id,
        tags=tuple(str(tag) for tag in _list(node.get("tags"))),
        path=str(node["original_file_path"]) if node.get("original_file_path") else None,
        upstream=tuple(dict.fromkeys(upstream)),
        origin=DBT,
    )


def _parents(node: Node) -> list[str]:
    parents = [str(parent) for parent in _list(_dict(node.get("depends_on")).get("nodes"))]
    attached = node.get("attached_node")  # v9 and later: the one that a test with several parents is for
    return [str(attached), *parents] if attached else parents


def _kind(node: Node) -> str:
    kind = str(node.get("resource_type"))
    return str(_config(node).get("materialized") or "table") if kind == "model" else kind


def _relations(node: Node) -> Iterator[str]:
    if _config(node).get("materialized") == "ephemeral":
        return
    table = node.get("identifier") or node.get("alias") or node.get("name")
    parts = [str(part) for part in (node.get("database"), node.get("schema"), table) if part]
    yield ".".join(f'"{part}"' if "." in part else part for part in parts)


def _config(node: Node) -> Node:
    return _dict(node.get("config"))


def _meta(node: Node) -> Node:
    return {**_dict(_config(node).get("meta")), **_dict(node.get("source_meta")), **_dict(node.get("meta"))}


def _team(node: Node) -> str | None:
    team = _meta(node).get("team") or _config(node).get("group") or node.get("group")
    return team if isinstance(team, str) else None


def _owners(node: Node, group: Node | None) -> Iterator[str]:
    dagster = _dict(_meta(node).get("dagster"))
    for owner in (dagster.get("owners"), _meta(node).get("owner"), (group or {}).get("owner")):
        yield from _names(owner)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _names(owner: Any) -> Iterator[str]:
    if isinstance(owner, str) and owner:
        yield owner
    elif isinstance(owner, list):
        for one in owner:
            yield from _names(one)
    elif isinstance(owner, dict):
        yield from _names(owner.get("email") or owner.get("name"))
