"""What a name stands for: a relation, a common table expression, or a column of a relation that stands beside it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Scope:
    """The inside of one pair of parentheses, or a whole statement."""

    parent: Scope | None
    start: int
    is_query: bool = False
    """Whether SELECT was seen, so that FROM is a clause and no argument of a function."""
    in_from: bool = False
    """Whether a comma leads to a further relation."""
    expects: bool = False
    """Whether a relation comes next."""
    has_union: bool = False
    cte: str | None = None
    """The common table expression whose body this is."""
    is_recursive: bool = False
    ctes: dict[str, int] = field(default_factory=dict)
    """Common table expression -> the token from which on its name holds."""
    aliases: dict[str, str | None] = field(default_factory=dict)
    """Alias, or the last part of a relation's name -> the relation as written; None for what is no relation."""

    def is_cte(self, name: str, at: int) -> bool:
        """Tell whether a common table expression of this or an outer scope has the name at token `at`."""
        scope: Scope | None = self
        while scope:
            if scope.ctes.get(name, at + 1) <= at:
                return True
            if scope.cte == name and (scope.is_recursive or scope.has_union):
                return True
            scope = scope.parent
        return False

    def is_alias(self, name: str, written: str) -> bool:
        """Tell whether another relation of this or an outer scope than the one written goes by the name."""
        scope: Scope | None = self
        while scope:
            if name in scope.aliases and scope.aliases[name] != written:
                return True
            scope = scope.parent
        return False


@dataclass(frozen=True)
class Reading:
    """A relation as a statement names it, to be judged when all its scopes are known."""

    parts: tuple[str, ...]
    at: int
    scope: Scope
