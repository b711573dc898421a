"""Method `principal`: rules of teams on users, roles, clients, pools, places and labels, else the team that a person works for.

They name a team, no asset.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from costlens.attribute.known import LABEL, glob
from costlens.attribute.scene import WHO
from costlens.attribute.verdicts import Traits, Verdict
from costlens.marks import json_object, pairs_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.attribute.scene import Scene, Voices
    from costlens.estate import Membership, PrincipalRule

NAME = "principal"
_CONFIDENCE = 0.5
_WILD = re.compile(r"[*?\[]")


def speak(scene: Scene, _: Voices) -> list[ir.Table]:
    """Return verdicts by labels, by tags, and by who ran a query where; the most specific rule of each speaks."""
    rules = _Rules(scene)
    tables = []
    if rules.label_keys:
        for column in ("labels", "tag"):
            tables += scene.by_text_and_era(column, lambda text, era: rules.of_labels(text, era))
    return [*tables, *scene.by_columns(rules.columns, rules.of_who)]


class _Rules:
    """The rules of all teams, most specific first.

    By kind (label, user, role, client, pool, schema, database, account), then names before globs, then by length.
    """

    def __init__(self, scene: Scene) -> None:
        self._known = scene.known
        self._day_of_era = scene.day_of_era
        self._rules = sorted(scene.known.estate.rules, key=_rank)
        self._globs = {rule: glob(rule.pattern) for rule in self._rules}
        self._matches: dict[tuple[str, str], list[PrincipalRule]] = {}
        self.label_keys = {rule.field.removeprefix(LABEL) for rule in self._rules if rule.field.startswith(LABEL)}
        self.columns = scene.who
        self._people: dict[str, list[Membership]] = defaultdict(list)
        for person in scene.known.estate.people:
            self._people[person.person].append(person)

    def of_labels(self, text: str, era: int) -> Verdict | None:
        """Return what the labels or the query tag of a query say by rules on labels."""
        body = json_object(text) or pairs_of(text) or {}
        lower = {str(key).lower(): value for key, value in body.items()}
        for rule in self._rules:
            value = lower.get(rule.field.removeprefix(LABEL).lower()) if rule.field.startswith(LABEL) else None
            if isinstance(value, str) and self._globs[rule].match(value) and self._holds(rule, era):
                return self._verdict(rule, Traits())
        return None

    def of_who(self, who: Mapping[str, str | None], era: int) -> Verdict | None:
        """Return what user, role, client, pool and place say, and the environment that the user works for."""
        user = who.get("user")
        traits = Traits(environment=self._known.environment_of_user(user) if user else None)
        for field in self.columns:
            value = who[field]
            for rule in self._matching(field, value) if value else ():
                if self._holds(rule, era):
                    return self._verdict(rule, traits)
        for person in self._people.get(user.lower(), ()) if user else ():
            if self._holds(person, era):
                return Verdict(NAME, _CONFIDENCE, person.because, team=person.team, traits=traits)
        return Verdict(NAME, _CONFIDENCE, "user", traits=traits) if traits != Traits() else None

    def _matching(self, field: str, value: str) -> list[PrincipalRule]:
        found = self._matches.get((field, value))
        if found is None:
            found = [rule for rule in self._rules if rule.field == field and self._globs[rule].match(value)]
            self._matches[field, value] = found
        return found

    def _holds(self, rule: PrincipalRule | Membership, era: int) -> bool:
        day = self._day_of_era(era)
        return (rule.valid_from is None or rule.valid_from <= day) and (rule.valid_to is None or day < rule.valid_to)

    def _verdict(self, rule: PrincipalRule, traits: Traits) -> Verdict:
        return Verdict(NAME, _CONFIDENCE, f"{rule.field} {rule.pattern}", team=rule.team, traits=traits)


def _rank(rule: PrincipalRule) -> tuple[int, bool, int, str, str]:
    kind = WHO.index(rule.field) if rule.field in WHO else -1
    return kind, bool(_WILD.search(rule.pattern)), -len(rule.pattern.replace("*", "")), rule.team, rule.pattern
