"""What the heads of INSERT, UPDATE, DELETE, MERGE and COPY write, and which relations they name outside FROM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlens.lineage.tokens import plain

if TYPE_CHECKING:
    from costlens.lineage.reader import Walk

_VALUES_FOLLOW = frozenset({"(", "VALUES", "SELECT", "WITH", "DEFAULT", "PARTITION", "TABLE", "AS", "FROM", "ROW"})
#: Dialects whose UPDATE says its table again in FROM.
_REPEATS = frozenset({"tsql", "mssql", "sqlserver"})
_QUERY = ("SELECT", "WITH", "(")


def skip_clause(walk: Walk) -> None:
    """Step over `(…)` of columns or options."""
    depth = 0
    while walk.word():
        if walk.word() == ";":
            return
        depth += {"(": 1, ")": -1}.get(walk.word(), 0)
        walk.at += 1
        if depth <= 0:
            return


def insert(walk: Walk) -> None:
    """INSERT INTO, INSERT OVERWRITE, INSERT ALL and FIRST, REPLACE INTO; BigQuery needs no INTO."""
    walk.at += 1
    walk.skip_all(("IGNORE", "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY"))
    if walk.skip("OR"):  # SQLite
        walk.skip("REPLACE", "IGNORE", "ABORT")
    overwrites = walk.skip("OVERWRITE")
    if walk.word() in ("ALL", "FIRST"):
        _insert_all(walk)
        return
    walk.skip("LOCAL")
    if walk.word() == "DIRECTORY":
        walk.does("export", writes=False)
        walk.at += 1
        return
    named = walk.skip("INTO") or overwrites
    named = (walk.word() == "TABLE" and walk.skip("TABLE")) or named
    start = walk.at
    name = walk.name()
    if named or walk.word() in _VALUES_FOLLOW:
        walk.does("insert")
        walk.writes(name)
        if walk.word() == "(" and walk.word(1) not in _QUERY:
            skip_clause(walk)
        walk.scope.is_query = walk.scope.in_from = walk.scope.expects = False
    else:
        walk.at = start


def _insert_all(walk: Walk) -> None:
    """Snowflake's insert into several tables: each INTO before the SELECT names one."""
    walk.does("insert all")
    while walk.word() not in ("SELECT", "WITH", ";", ""):
        if walk.skip("INTO"):
            walk.writes(walk.name())
        elif walk.word() == "(" and walk.word(1) not in _QUERY:
            skip_clause(walk)
        elif walk.word() == "(":
            return
        else:
            walk.at += 1


def update(walk: Walk) -> None:
    """UPDATE t SET … [FROM …], UPDATE t JOIN u SET …, and UPDATE alias … FROM t alias."""
    walk.at += 1
    walk.skip("ONLY")
    name = walk.name() if walk.word() != "SET" else ()  # ON CONFLICT DO UPDATE SET
    if not name:
        return
    walk.does("update")
    walk.scope.in_from, walk.scope.is_query = True, True
    walk.alias(name)
    _target(walk, name)


def delete(walk: Walk) -> None:
    """DELETE FROM t [USING …], and DELETE t FROM t JOIN u."""
    walk.at += 1
    walk.skip_all(("LOW_PRIORITY", "QUICK", "IGNORE"))
    has_from = walk.skip("FROM")
    walk.skip("ONLY")
    if walk.word(1) not in ("WHERE", ".", ";", ""):
        walk.skip("TABLE")  # of Hive
    name = walk.name()
    if not name:
        return
    walk.does("delete")
    if not has_from and walk.word() in (",", "FROM"):
        names = [name]
        while walk.skip(","):
            names.append(walk.name())
        aliases = _aliases(walk)
        for one in names:
            real = aliases.get(plain(one[0]), one) if len(one) == 1 else one
            walk.writes(real)
            walk.owns.add(".".join(map(plain, real)))
        walk.scope.is_query = True
        return
    walk.writes(name)
    if walk.dialect == "mysql":  # DELETE FROM t USING t JOIN u says its table twice
        walk.owns.add(".".join(map(plain, name)))
    if walk.word() not in ("WHERE", "USING", ";", ""):
        walk.alias(name)


def _target(walk: Walk, name: tuple[str, ...]) -> None:
    """Note what UPDATE writes: the relation, or the one that a later FROM gives its name to."""
    real = _aliases(walk).get(plain(name[0])) if len(name) == 1 else None
    walk.writes(real or name)
    if real or walk.dialect in _REPEATS:
        walk.owns.add(".".join(map(plain, real or name)))


def _aliases(walk: Walk) -> dict[str, tuple[str, ...]]:
    """Look ahead to the statement's relations: alias -> relation, for statements that name what they write by its alias."""
    found: dict[str, tuple[str, ...]] = {}
    start, depth = walk.at, 0
    while walk.word() not in (";", ""):
        word = walk.word()
        depth += {"(": 1, ")": -1}.get(word, 0)
        walk.at += 1
        if depth == 0 and word in ("FROM", "JOIN", ","):
            name = walk.name()
            walk.skip("AS")
            if name and walk.names_next() and walk.word() not in ("ON", "SET", "WHERE", "JOIN", "USING"):
                found.setdefault(plain(walk.tokens[walk.at]), name)
    walk.at = start
    return found


def merge(walk: Walk) -> None:
    """MERGE INTO t USING …; its INSERT, UPDATE and DELETE are of the same table."""
    walk.at += 1
    walk.skip_all(("WITH", "SCHEMA", "EVOLUTION"))
    walk.skip("INTO")
    name = walk.name()
    if name:
        walk.does("merge")
        walk.writes(name)
        walk.scope.is_query = False
        walk.alias(name)


def copy(walk: Walk) -> None:
    """COPY INTO t FROM @stage loads, COPY INTO @stage FROM t unloads; COPY t FROM and TO of Redshift and PostgreSQL."""
    walk.at += 1
    walk.skip("INTO")
    walk.does("copy", writes=False)
    if not walk.names_next():
        walk.at += walk.word() not in ("(", "")
        while walk.word() not in ("FROM", ";", "", "SELECT", "WITH", "("):
            walk.at += 1
        walk.scope.is_query = True
        return
    name = walk.name()
    if walk.word() == "(":
        skip_clause(walk)
    if walk.word() == "TO":
        walk.reads(name)
        return
    walk.does("copy")
    walk.writes(name)
    walk.scope.is_query = walk.word(1) == "("
