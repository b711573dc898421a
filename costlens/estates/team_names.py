"""Finds the team that an owner is, as code hosts, orchestrators and people write it: @acme/growth, team:growth, an address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costlens.estate import Team

_NOT_A_WORD = re.compile(r"[^a-z0-9]+")


class TeamNames:
    """The teams of the teams file by name, address and the aliases listed there."""

    def __init__(self, teams: Iterable[Team]) -> None:
        self._teams: dict[str, str] = {}
        listed = list(teams)
        for spellings in (_written, _slugs):  # what is written out wins over what only looks alike
            for team in listed:
                for spelling in spellings(team):
                    self._teams.setdefault(spelling, team.name)

    def team(self, owner: str) -> str | None:
        """Return the name of the team that an owner is, None where the teams file does not tell.

        Where there is no teams file, whoever is no person is a team.
        """
        if not self._teams:
            return _unlisted(owner.strip())
        plain = owner.strip().lower()
        for spelling in (plain, plain.removeprefix("team:"), plain.lstrip("@")):
            if found := self._teams.get(spelling):
                return found
        if "@" in plain.lstrip("@"):
            return None  # a person's address is no team's name
        last = plain.lstrip("@").removeprefix("team:").rpartition("/")[2]
        return self._teams.get(last) or self._teams.get(_slug(last))

    def first(self, owners: Iterable[str]) -> str | None:
        """Return the team of the first owner that is one."""
        return next((team for owner in owners if (team := self.team(owner))), None)


def _unlisted(owner: str) -> str | None:
    if owner.startswith("@"):
        return owner.rpartition("/")[2] if "/" in owner else None
    name = owner.removeprefix("team:")
    return name if name and "@" not in name else None


def _written(team: Team) -> Iterator[str]:
    yield from (name.strip().lower() for name in (team.name, team.email, *team.aliases) if name)


def _slugs(team: Team) -> Iterator[str]:
    yield from (_slug(name) for name in (team.name, *(a for a in team.aliases if "@" not in a.lstrip("@"))))


def _slug(name: str) -> str:
    return _NOT_A_WORD.sub("-", name.lower()).strip("-")
