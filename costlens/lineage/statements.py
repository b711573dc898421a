"""What the head of each kind of statement writes, and which relations it names outside FROM."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from costlens.lineage.rows import copy, delete, insert, merge, skip_clause, update
from costlens.lineage.tokens import words

if TYPE_CHECKING:
    from costlens.lineage.reader import Walk

_TEMPORARY = frozenset({"TEMP", "TEMPORARY", "VOLATILE"})
_MODIFIERS = _TEMPORARY | words(
    "OR REPLACE ALTER REFRESH LOCAL GLOBAL TRANSIENT EXTERNAL DYNAMIC ICEBERG HYBRID SECURE RECURSIVE MATERIALIZED FORCE STREAMING LIVE "
    "UNLOGGED SNAPSHOT MANAGED FOREIGN EVENT INTERACTIVE MULTISET SET UNIQUE BITMAP"
)
_RELATION_KINDS = frozenset({"TABLE", "VIEW", "MODEL"})
_ROUTINES = frozenset({"FUNCTION", "PROCEDURE", "PROC", "TASK", "AGGREGATE"})
_COPIES = frozenset({"LIKE", "CLONE", "COPY"})


def _skip_exists(walk: Walk) -> None:
    if walk.skip("IF"):
        walk.skip("NOT")
        walk.skip("EXISTS")


def create(walk: Walk) -> None:
    """CREATE TABLE, VIEW, DYNAMIC TABLE, MODEL … with what it copies; a routine or task only says what will run some day."""
    walk.at += 1
    temporary = False
    while walk.word() in _MODIFIERS:
        temporary = temporary or walk.word() in _TEMPORARY
        walk.at += 1
    if walk.word() in _ROUTINES or (walk.word() == "TABLE" and walk.word(1) == "FUNCTION"):
        walk.does("define", writes=False)
        _skip_body(walk)
        return
    if walk.word() not in _RELATION_KINDS:
        _create_other(walk)
        return
    kind = walk.word().lower()
    walk.at += 1
    _skip_exists(walk)
    temporary = walk.skip("#") or temporary
    name = walk.name()
    walk.does(f"create {kind}")
    walk.writes(name, temporary=temporary)
    if walk.word() == "(" and walk.word(1) != "LIKE":
        _columns(walk)
    _copied(walk)


def _columns(walk: Walk) -> None:
    """Step over the columns of a table; CREATE TABLE t (SELECT …) has none."""
    if walk.word(1) not in ("SELECT", "WITH", "("):
        skip_clause(walk)


def _copied(walk: Walk) -> None:
    """Read what LIKE, CLONE or COPY names, through the options in between."""
    walk.skip("(")
    walk.skip("SHALLOW", "DEEP")
    if walk.skip(*_COPIES):
        if walk.words[walk.at - 1] == "COPY" and walk.word() == "GRANTS":
            return
        walk.reads(walk.name())


def _create_other(walk: Walk) -> None:
    """An index is work on its table; what else is made is no relation."""
    if walk.skip("INDEX"):
        while walk.word() not in ("ON", ";", ""):
            walk.at += 1
        walk.skip("ON")
        walk.does("create index")
        walk.writes(walk.name())
        return
    if walk.word() == "FLOW":
        apply(walk)
        return
    walk.does("create", writes=False)
    walk.to_end()


def apply(walk: Walk) -> None:
    """APPLY CHANGES INTO t FROM s and CREATE FLOW f AS … INTO t … of Databricks."""
    while walk.word() not in ("INTO", ";", ""):
        walk.at += 1
    if walk.skip("INTO"):
        walk.does("apply")
        walk.writes(walk.name())
        walk.scope.is_query = True


def repair(walk: Walk) -> None:
    """MSCK REPAIR TABLE t of Hive."""
    walk.at += 1
    walk.skip("REPAIR")
    if walk.skip("TABLE"):
        walk.does("repair")
        walk.writes(walk.name())
    walk.to_end()


def _skip_body(walk: Walk) -> None:
    """Step over the body of a routine: to its END where it has a block."""
    walk.to_end()
    begins = sum(1 for word in walk.words[: walk.at] if word == "BEGIN")
    if begins:
        while walk.word() and walk.word(1) != "END":
            walk.at += 1
            walk.to_end()


def load(walk: Walk) -> None:
    """LOAD DATA INTO t (BigQuery), LOAD DATA INPATH … INTO TABLE t (Hive)."""
    while walk.word() not in ("INTO", "OVERWRITE", ";", ""):
        walk.at += 1
    walk.skip_all(("OVERWRITE", "INTO", "TEMP", "TEMPORARY", "TABLE"))
    walk.does("load")
    walk.writes(walk.name())
    walk.to_end()


def export(walk: Walk) -> None:
    """EXPORT DATA OPTIONS(…) AS SELECT writes files."""
    walk.at += 1
    walk.does("export", writes=False)


def listed(verb: str) -> Callable[[Walk], None]:
    """Return the head of DROP, TRUNCATE, UNDROP …: [kind] [IF EXISTS] a, b."""

    def head(walk: Walk) -> None:
        walk.at += 1
        walk.skip_all(_MODIFIERS | {"ZORDER", "MAINTENANCE", "FULL"})
        is_relation = walk.skip(*_RELATION_KINDS)
        if not is_relation and verb in ("drop", "undrop"):
            walk.does(verb, writes=False)
            walk.to_end()
            return
        _skip_exists(walk)
        walk.skip("ONLY", "CONCURRENTLY")
        walk.does(verb)
        walk.writes(walk.name())
        while walk.skip(","):
            walk.writes(walk.name())
        walk.to_end()

    return head


def alter(walk: Walk) -> None:
    """ALTER TABLE and kin: RENAME TO moves, SWAP WITH exchanges, all else changes the table itself."""
    walk.at += 1
    walk.skip_all(_MODIFIERS)
    if not walk.skip(*_RELATION_KINDS):
        walk.does("alter session" if walk.word() == "SESSION" else "alter", writes=False)
        walk.to_end()
        return
    _skip_exists(walk)
    walk.skip("ONLY")
    name = walk.name()
    if walk.word() == "RENAME" and walk.word(1) in ("TO", "AS"):
        walk.at += 2
        walk.does("rename")
        walk.reads(name)
        walk.writes(walk.name())
    elif walk.word() == "SWAP" and walk.word(1) == "WITH":
        walk.at += 2
        walk.does("swap")
        other = walk.name()
        for one in (name, other):
            walk.reads(one)
            walk.writes(one)
    else:
        walk.does("alter")
        walk.writes(name)
        if walk.word() == "AS":  # ALTER VIEW v AS SELECT
            return
        _partition_of_another(walk)
    walk.to_end()


def rename(walk: Walk) -> None:
    """RENAME TABLE a TO b, c TO d of MySQL."""
    walk.at += 1
    walk.skip("TABLE")
    walk.does("rename")
    while walk.names_next():
        walk.reads(walk.name())
        if walk.skip("TO"):
            walk.writes(walk.name())
        walk.skip(",")
    walk.to_end()


def unload(walk: Walk) -> None:
    """UNLOAD ('select …') TO of Redshift reads what stands in the literal."""
    walk.does("export", writes=False)
    walk.at += 2 if walk.word(1) == "(" else 1
    _read_literal(walk)


def _partition_of_another(walk: Walk) -> None:
    """EXCHANGE PARTITION … WITH TABLE u and ATTACH PARTITION u bring in another table."""
    while walk.word() not in (";", ""):
        word = walk.word()
        walk.at += 1
        if (word == "ATTACH" and walk.skip("PARTITION")) or (word == "WITH" and walk.skip("TABLE")):
            walk.reads(walk.name())


def execute(walk: Walk) -> None:
    """EXECUTE IMMEDIATE with a literal runs what stands in it."""
    walk.at += 1
    if walk.skip("IMMEDIATE"):
        _read_literal(walk)
    else:
        walk.to_end()


def _read_literal(walk: Walk) -> None:
    """Read the text of the literal that comes next as a statement."""
    literal = walk.tokens[walk.at] if walk.at < len(walk.tokens) else ""
    for quote in ("$$", "'''", '"""', "'"):
        if literal.startswith(quote) and literal.endswith(quote) and len(literal) > 2 * len(quote):
            walk.inline(literal[len(quote) : -len(quote)].replace("''", "'"))
            return
    walk.to_end()


def explain(walk: Walk) -> None:
    """EXPLAIN runs nothing."""
    walk.does("explain", writes=False)
    walk.to_end()


def analyze(walk: Walk) -> None:
    """ANALYZE TABLE reads the table."""
    walk.at += 1
    walk.does("analyze", writes=False)
    walk.skip("TABLE", "TABLES")
    if walk.names_next() and walk.word() not in ("VERBOSE", "IN"):
        walk.reads(walk.name())
    walk.to_end()


def cache(walk: Walk) -> None:
    """CACHE TABLE t AS SELECT of Spark."""
    walk.at += 1
    walk.skip("LAZY")
    if walk.skip("TABLE"):
        walk.does("cache")
        walk.writes(walk.name(), temporary=True)


def nothing(walk: Walk) -> None:
    """A statement about sessions, rights and files names no relation that it reads or writes."""
    walk.does(walk.word().lower(), writes=False)
    walk.to_end()


HEADS: dict[str, Callable[[Walk], None]] = {
    "ALTER": alter,
    "ANALYZE": analyze,
    "APPLY": apply,
    "CACHE": cache,
    "COPY": copy,
    "CREATE": create,
    "DELETE": delete,
    "DROP": listed("drop"),
    "EXECUTE": execute,
    "EXPLAIN": explain,
    "EXPORT": export,
    "INSERT": insert,
    "LOAD": load,
    "MERGE": merge,
    "MSCK": repair,
    "OPTIMIZE": listed("optimize"),
    "REFRESH": listed("refresh"),
    "REORG": listed("optimize"),
    "RENAME": rename,
    "REPLACE": insert,
    "RESTORE": listed("restore"),
    "TRUNCATE": listed("truncate"),
    "UNDROP": listed("undrop"),
    "UNLOAD": unload,
    "UPDATE": update,
    "UPSERT": insert,
    "VACUUM": listed("vacuum"),
    **dict.fromkeys(
        (
            "CALL",
            "COMMENT",
            "COMMIT",
            "DESC",
            "DESCRIBE",
            "GET",
            "GRANT",
            "LIST",
            "LS",
            "PUT",
            "REMOVE",
            "REVOKE",
            "RM",
            "ROLLBACK",
            "SHOW",
            "USE",
        ),
        nothing,
    ),
}
