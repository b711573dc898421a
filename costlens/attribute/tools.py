"""Rules by which tools are known: those that CostLens ships (`tools.yml`) after those of the configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.resources import files

import yaml

from costlens.settings.attribution import ToolRule

#: Kinds of tools behind whose user no person sits.
AUTOMATIC = frozenset(
    {"app", "bi", "catalog", "ingest", "monitor", "orchestrate", "quality", "reverse-etl", "transform"}
)
WHO_FIELDS = ("user", "role", "pool", "client", "account", "database", "schema")
_DEED_FIELDS = ("target", "source", "text")
_KEYED = {"tag": "tag", "label": "labels", "mark": "mark"}


@dataclass(frozen=True)
class Match:
    """A rule that holds, with what its expressions caught."""

    rule: ToolRule
    caught: Mapping[str, str]

    def fill(self, template: str | None) -> str | None:
        """Return a template with the named groups filled in; None where one caught nothing."""
        try:
            return template.format_map(self.caught) if template else None
        except KeyError:
            return None


class Tools:
    """All rules in order."""

    def __init__(self, own: Sequence[ToolRule]) -> None:
        self.rules = (*own, *_shipped())
        self._expressions = {
            (number, name): re.compile(pattern, re.IGNORECASE)
            for number, rule in enumerate(self.rules)
            for name, pattern in rule.when.items()
            if name != "text"
        }
        self._words = {
            number: tuple(word for word in rule.when["text"].lower().split("|") if word)
            for number, rule in enumerate(self.rules)
            if "text" in rule.when
        }
        told = [(mark_of(self.rules[number]), words) for number, words in self._words.items()]
        self.version = blake2b(json.dumps(told).encode(), digest_size=4).hexdigest()

    def marks(self, text: str) -> list[str]:
        """Return the marks of the rules whose words stand in a statement."""
        lower = text.lower()
        found = (mark_of(self.rules[n]) for n, words in self._words.items() if any(word in lower for word in words))
        return sorted(set(found))

    def groups(self) -> dict[tuple[str, ...], list[int]]:
        """Return the rules by the columns of `Scene.subjects` that they look at, each in order."""
        found: dict[tuple[str, ...], list[int]] = {}
        for number, rule in enumerate(self.rules):
            found.setdefault(tuple(sorted({_column(name) for name in rule.when})), []).append(number)
        return found

    def first(self, numbers: Iterable[int], fields: Mapping[str, Sequence[str]]) -> Match | None:
        """Return the first of some rules that holds for fields and their values; `text` holds marks."""
        for number in numbers:
            caught = self._caught(number, fields)
            if caught is not None:
                return Match(self.rules[number], caught)
        return None

    def _caught(self, number: int, fields: Mapping[str, Sequence[str]]) -> dict[str, str] | None:
        rule = self.rules[number]
        caught: dict[str, str] = {}
        for name in rule.when:
            values = fields.get(name, ())
            if name == "text":
                if mark_of(rule) not in values:
                    return None
                continue
            expression = self._expressions[number, name]
            found = next((match for value in values if (match := expression.search(value))), None)
            if found is None:
                return None
            caught |= {key: value for key, value in found.groupdict().items() if value is not None}
        return caught


def mark_of(rule: ToolRule) -> str:
    """Return the word that stands for the text of a rule."""
    return f"{rule.tool} {rule.purpose or rule.kind}"


def who_fields(rules: Iterable[ToolRule]) -> set[str]:
    """Return the columns on who ran a query where that rules look at."""
    return {name for rule in rules for name in rule.when if name in WHO_FIELDS}


def _column(field: str) -> str:
    if field in _DEED_FIELDS:
        return "deed_no"
    kind, _, key = field.partition(":")
    return f"{_KEYED[kind]}_no" if key else field


@cache
def _shipped() -> tuple[ToolRule, ...]:
    text = (files("costlens.attribute") / "tools.yml").read_text(encoding="utf-8")
    return tuple(ToolRule.model_validate(rule) for rule in yaml.safe_load(text))
