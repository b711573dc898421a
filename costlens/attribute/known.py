"""What the estate and the settings say, indexed the ways in which evidence names it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from typing import TYPE_CHECKING

from costlens.estates import Relations
from costlens.tagging.codec import asset_hash

if TYPE_CHECKING:
    from datetime import date

    from costlens.estate import Asset, Estate, Ownership
    from costlens.settings.attribution import Settings

_NOT_A_LABEL = re.compile(r"[^a-z0-9_-]")
_NOT_A_WORD = re.compile(r"[^a-z0-9]+")
_LABEL_LIMIT = 63
#: Field of a principal rule on a label or a key of a query tag: this and the key.
LABEL = "label:"


def kept_keys(estate: Estate, settings: Settings) -> tuple[str, ...]:
    """Return the keys of query tags and labels whose values attribution needs, so that they are not masked."""
    rules = (rule.field.removeprefix(LABEL) for rule in estate.rules if rule.field.startswith(LABEL))
    return tuple(sorted({*settings.asset_keys, *settings.team_keys, *rules}))


@dataclass(frozen=True)
class Place:
    """What a relation is: an asset, or its copy, in an environment."""

    asset: str | None
    environment: str | None = None
    is_copy: bool = False


class Known:
    """Finds assets by key, hash, dbt node, relation and label, and environments by name."""

    def __init__(self, estate: Estate, settings: Settings) -> None:
        self.estate = estate
        self.settings = settings
        self.relations = Relations(estate.assets)
        self._keys = {asset.key for asset in estate.assets}
        self._nodes: dict[str, str] = {}
        self._paths: dict[str, str | None] = {}
        for asset in estate.assets:
            if asset.dbt_node:
                self._nodes.setdefault(asset.dbt_node, _charged(asset))
                self._paths.setdefault(asset.dbt_node, asset.path)
        self._targets = _patterns(settings.targets)
        self._places = _patterns(settings.places)
        self._users = _patterns(settings.users)

    def asset(self, name: str) -> str:
        """Return the key of the asset that a tag names by key or relation; an unknown name is kept: it is evidence."""
        return name if name in self._keys else self.by_node(name) or self.relations.find(name) or name

    def has(self, key: str) -> bool:
        """Tell whether the estate has an asset of this key."""
        return key in self._keys

    def find(self, name: str) -> str | None:
        """Return the key of the asset that a name means: a key, a dbt node, a relation, or a key with other signs between words."""
        found = self.asset(name)
        return found if found in self._keys else self.by_words(name)

    def owner(self, asset: str, day: date) -> str | None:
        """Return the team that owns an asset on a day."""
        claims = self._claims.get(asset, ())
        return next(
            (c.team for c in claims if (c.valid_from or day) <= day and (c.valid_to is None or day < c.valid_to)), None
        )

    def by_hash(self, digest: str) -> str | None:
        """Return the key of the asset whose hash a tag carries."""
        return self._hashes.get(digest)

    def by_node(self, unique_id: str) -> str | None:
        """Return the asset of a dbt node; a test belongs to what it tests."""
        return self._nodes.get(unique_id)

    def place(self, name: tuple[str, ...]) -> Place:
        """Return the asset that a relation is, or is a copy of: what CI or a person made, where one asset only has a table of that name."""
        if asset := self.relations.find_parts(name):
            return Place(asset, "production")
        environment = self.environment_of_place(*name[:-1]) if len(name) > 1 else None
        if environment in (None, "production"):
            return Place(None, environment)
        return Place(self.relations.find_table(name[-1]), environment, is_copy=True)

    def environment_of_place(self, *names: str) -> str | None:
        """Return the environment that a database or schema belongs to; of two that differ the one that is not production."""
        found = [environment for name in names if (environment := _first(self._places, name))]
        return next((environment for environment in found if environment != "production"), found[0] if found else None)

    def path(self, unique_id: str) -> str | None:
        """Return the file that a dbt node is written in."""
        return self._paths.get(unique_id)

    def by_path(self, path: str) -> str | None:
        """Return the asset that is written in a file, by the file's path or an ending of it; None where several are."""
        parts = path.split("/")
        endings = ("/".join(parts[at:]) for at in range(len(parts)))
        found = next((self._files[ending] for ending in endings if ending in self._files), set())
        return next(iter(found)) if len(found) == 1 else None

    def node_by_hash(self, digest: str) -> str | None:
        """Return the dbt unique id whose hash a label carries."""
        return self._node_hashes.get(digest)

    def by_node_label(self, label: str) -> str | None:
        """Return the asset of a dbt unique id that was made a label: lossy, so only where one asset is meant.

        dbt replaces what a label may not hold by `_` and cuts at 63; older Fusion wraps the value in `_`.
        """
        candidates = self._node_labels.get(label) or self._node_labels.get(label.strip("_")) or set()
        return next(iter(candidates)) if len(candidates) == 1 else None

    def by_words(self, *names: str) -> str | None:
        """Return the asset whose key is one of the names, whatever stands between their words."""
        for name in names:
            candidates = self._words.get(_words(name), set())
            if len(candidates) == 1:
                return next(iter(candidates))
        return None

    def team(self, name: str) -> str:
        """Return the team as the estate writes it."""
        return self._teams.get(name.lower(), name)

    def environment_of_target(self, target: str) -> str | None:
        """Return the environment of a dbt target."""
        return _first(self._targets, target)

    def environment_of_user(self, user: str) -> str | None:
        """Return the environment that a user works for."""
        return _first(self._users, user)

    @cached_property
    def _hashes(self) -> Mapping[str, str]:
        return {asset_hash(asset.key): _charged(asset) for asset in self.estate.assets}

    @cached_property
    def _files(self) -> Mapping[str, set[str]]:
        files: dict[str, set[str]] = {}
        for asset in self.estate.assets:
            if asset.path and asset.kind != "test":
                files.setdefault(asset.path.removeprefix("./"), set()).add(_charged(asset))
        return files

    @cached_property
    def _node_hashes(self) -> Mapping[str, str]:
        return {asset_hash(node): node for node in self._nodes}

    @cached_property
    def _node_labels(self) -> Mapping[str, set[str]]:
        labels: dict[str, set[str]] = {}
        for node, key in self._nodes.items():
            labels.setdefault(_NOT_A_LABEL.sub("_", node.lower())[:_LABEL_LIMIT], set()).add(key)
        return labels

    @cached_property
    def _words(self) -> Mapping[str, set[str]]:
        words: dict[str, set[str]] = {}
        for asset in self.estate.assets:
            words.setdefault(_words(asset.key), set()).add(_charged(asset))
        return words

    @cached_property
    def _claims(self) -> Mapping[str, list[Ownership]]:
        claims: dict[str, list[Ownership]] = {}
        for claim in sorted(self.estate.ownership, key=lambda claim: claim.precedence):
            claims.setdefault(claim.asset, []).append(claim)
        return claims

    @cached_property
    def _teams(self) -> Mapping[str, str]:
        return {team.name.lower(): team.name for team in self.estate.teams}


def _charged(asset: Asset) -> str:
    """Return whose cost an asset's is: a test's is the tested asset's."""
    return asset.upstream[0] if asset.kind == "test" and asset.upstream else asset.key


def _words(name: str) -> str:
    return _NOT_A_WORD.sub("-", name.lower()).strip("-")


def glob(pattern: str) -> re.Pattern[str]:
    """Return a case-insensitive glob as a regular expression."""
    return re.compile(translate(pattern), re.IGNORECASE)


def _patterns(by_environment: Mapping[str, list[str]]) -> list[tuple[str, list[re.Pattern[str]]]]:
    return [(environment, [glob(pattern) for pattern in patterns]) for environment, patterns in by_environment.items()]


def _first(patterns: list[tuple[str, list[re.Pattern[str]]]], name: str) -> str | None:
    return next((environment for environment, globs in patterns if any(g.match(name) for g in globs)), None)
