"""Walks the tokens of a statement or script once and notes every relation that is written or read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from costlens.lineage.scopes import Reading, Scope
from costlens.lineage.tokens import Tokens, is_name, plain, words

#: Longer texts are cut: what a statement writes stands at its beginning.
MAX_TEXT = 1_000_000
#: Scopes deeper than this are read as one: no statement of a person or tool gets there.
MAX_DEPTH = 300
#: Ends the list of relations after FROM.
_ENDS_FROM = words(
    "WHERE GROUP ORDER HAVING QUALIFY LIMIT WINDOW SET WHEN RETURNING CONNECT START FETCH OFFSET VALUES CLUSTER DISTRIBUTE SORT"
)
_UNIONS = frozenset({"UNION", "INTERSECT", "EXCEPT", "MINUS"})
#: What may follow a relation and is no alias of it.
_NO_ALIAS = (
    _ENDS_FROM
    | _UNIONS
    | words(
        "ON USING JOIN INNER LEFT RIGHT FULL CROSS NATURAL OUTER SEMI ANTI ASOF LATERAL PIVOT UNPIVOT TABLESAMPLE SAMPLE AT BEFORE "
        "CHANGES FOR WITH SELECT PARTITION STRAIGHT_JOIN GLOBAL POSITIONAL FROM INTO OPTIONS AS INSERT MATCH_RECOGNIZE END THEN DO "
        "LOOP BEGIN UPDATE DELETE MERGE APPLY COPY MATCH_CONDITION VERSION TIMESTAMP DEFAULT OVERWRITE CLONE LIKE"
    )
)
#: What stands before a relation and is no name.
_BEFORE_NAME = frozenset({"LATERAL", "ONLY", "TABLE"})
_FILE_FORMATS = frozenset({"avro", "binaryfile", "csv", "delta", "iceberg", "json", "orc", "parquet", "text"})
#: Dialects that read a column of a relation beside it: FROM t, t.items
_COLUMNS_IN_FROM = frozenset({"bigquery", "databricks", "spark", "spark2", "trino"})
_ASIDE = frozenset({"OFFSET", "ORDINALITY", "("})


@dataclass(frozen=True)
class Lineage:
    """What a text writes (`targets`) and reads (`sources`), names as written, by name; `verb` of its first statement that
    writes, else of its first; `temporary` are the targets that it makes for its session only."""

    targets: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    verb: str = ""
    temporary: tuple[str, ...] = ()


def read(text: str, dialect: str = "snowflake") -> Lineage:
    """Return the lineage of a statement or script in any of its dialects; never raises on any text."""
    from costlens.lineage.statements import HEADS

    walk = Walk(text[:MAX_TEXT], dialect, HEADS)
    walk.run()
    return walk.lineage()


@dataclass
class Noted:
    """What the statements so far write and read."""

    targets: list[tuple[str, ...]] = field(default_factory=list)
    temporary: list[tuple[str, ...]] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    verbs: list[tuple[bool, str]] = field(default_factory=list)


class Walk(Tokens):
    """One pass over tokens; statement heads and clauses move it."""

    def __init__(self, text: str, dialect: str, heads: dict[str, Callable[[Walk], None]]) -> None:
        super().__init__(text, dialect)
        self.noted = Noted()
        self.scope = Scope(None, 0)
        self.depth = 0
        self.verb = ""
        self.owns: set[str] = set()
        """Names by which FROM repeats what DELETE or UPDATE writes."""
        self._heads = heads
        self._clauses: dict[str, Callable[[], None]] = {
            ";": self.begin,
            "(": self._open,
            ")": self._close,
            ",": self._comma,
            "SELECT": self._select,
            "FROM": self._from,
            "JOIN": self._join,
            "STRAIGHT_JOIN": self._join,
            "USING": self._using,
            "INTO": self._into,
            "WITH": self._with,
            "LATERAL": self._lateral,
            "TABLE": self._table,
            "INSERT": self._insert,
            "BEGIN": self._control,
            "THEN": self._control,
            "ELSE": self._control,
            "DO": self._control,
            "LOOP": self._control,
            **dict.fromkeys(_ENDS_FROM, self._end_from),
            **dict.fromkeys(_UNIONS, self._union),
        }

    # -- noting ---------------------------------------------------------------------------------------------------

    def does(self, verb: str, *, writes: bool = True) -> None:
        """Note what the statement does."""
        self.verb = verb
        self.noted.verbs.append((writes, verb))

    def writes(self, parts: tuple[str, ...], *, temporary: bool = False) -> None:
        """Note a target."""
        if parts:
            self.noted.targets.append(parts)
            if temporary:
                self.noted.temporary.append(parts)

    def reads(self, parts: tuple[str, ...]) -> None:
        """Note a source, in the scope that is open."""
        if parts:
            self.noted.readings.append(Reading(parts, self.at, self.scope))

    def lineage(self) -> Lineage:
        """Judge what was noted."""
        targets = _distinct(self.noted.targets)
        sources = _distinct(reading.parts for reading in self.noted.readings if self._is_source(reading))
        verbs = sorted(self.noted.verbs, key=lambda noted: not noted[0])
        return Lineage(targets, sources, verbs[0][1] if verbs else "", _distinct(self.noted.temporary))

    def _is_source(self, reading: Reading) -> bool:
        first = plain(reading.parts[0])
        if len(reading.parts) == 1:
            return not reading.scope.is_cte(first, reading.at)
        if first in _FILE_FORMATS and "/" in reading.parts[1]:
            return False
        return self.dialect not in _COLUMNS_IN_FROM or not reading.scope.is_alias(first, ".".join(reading.parts))

    # -- statements -----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Read all tokens."""
        self._head()
        clauses, words, length = self._clauses, self.words, len(self.words)
        while self.at < length:
            before = self.at
            clause = clauses.get(words[before])
            if clause and not (before and words[before - 1] == "."):
                clause()
            elif self.scope.expects:
                self._relation()
            else:
                self.at += 1
                continue
            if self.at <= before:
                self.at = before + 1  # whatever happens, a text comes to its end

    def begin(self) -> None:
        """Begin a statement after `;`."""
        self.at += 1
        self.scope, self.depth, self.verb, self.owns = Scope(None, self.at), 0, "", set()
        self._head()

    def _head(self) -> None:
        """Let the head of a statement note what it writes."""
        while self.word() == "(":
            self._open()
        head = self._heads.get(self.word())
        if head:
            head(self)

    def _control(self) -> None:
        """Begin a statement inside a script's block; THEN and ELSE of an expression are followed by none."""
        self.at += 1
        if self.depth or self.verb in ("merge", "insert all"):
            return
        if self.words[self.at - 1] == "BEGIN" and self.word() in ("TRANSACTION", "WORK", ";"):
            return
        if self._is_statement():
            self._head()

    def _is_statement(self) -> bool:
        if self.word() == "DELETE" and self.word(1) == "FROM":
            return True
        return self.word() in self._heads and self.word(1) not in ("(", ",", "", ".", "END", "=", "FROM")

    def _insert(self) -> None:
        """Begin one of several INSERTs of a statement (Hive), or the next statement where no `;` stands between."""
        if self.depth == 0 and self.verb != "merge" and self.word(1) in ("INTO", "OVERWRITE", "IGNORE"):
            self._heads["INSERT"](self)
        else:
            self.at += 1

    # -- clauses --------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self.depth += 1
        outer, self.at = self.scope, self.at + 1
        if self.depth > MAX_DEPTH:
            return
        inner = Scope(outer, self.at, in_from=outer.expects, expects=outer.expects)
        outer.expects = False
        self.scope = inner

    def _close(self) -> None:
        self.at += 1
        if self.depth == 0:
            return
        self.depth -= 1
        if self.depth >= MAX_DEPTH or self.scope.parent is None:
            return
        inner, self.scope = self.scope, self.scope.parent
        if inner.cte:
            self._end_cte(inner.cte, inner.is_recursive)
        elif self.scope.in_from:
            self.alias(None)

    def _comma(self) -> None:
        self.at += 1
        self.scope.expects = self.scope.in_from

    def _select(self) -> None:
        self.at += 1
        self.scope.is_query, self.scope.in_from, self.scope.expects = True, False, False
        if not self.noted.verbs or not self.verb:
            self.does("select", writes=False)

    def _from(self) -> None:
        before = self.word(-1)
        is_compared = before == "DISTINCT" and self.word(-2) in ("IS", "NOT")
        is_first = self.at == self.scope.start
        if (self.scope.is_query or is_first) and not is_compared:
            self.scope.is_query, self.scope.in_from, self.scope.expects = True, True, True
        self.at += 1

    def _join(self) -> None:
        self.at += 1
        self.scope.in_from = self.scope.expects = True

    def _using(self) -> None:
        """Read what MERGE or DELETE reads; USING (a, b) of a join names columns."""
        self.at += 1
        if self.depth == 0 and self.verb in ("merge", "delete") and not self.scope.is_query:
            self.scope.is_query = self.scope.in_from = self.scope.expects = True

    def _into(self) -> None:
        """Read SELECT … INTO table; a variable is none."""
        self.at += 1
        if self.scope.is_query and not self.scope.in_from and self.depth == 0:
            temporary = self.word() in ("TEMP", "TEMPORARY")
            self.skip_all(("TEMP", "TEMPORARY", "UNLOGGED", "TABLE"))
            if self.verb == "select" and self.word() not in ("OUTFILE", "DUMPFILE"):
                is_temporary = temporary or self.word() == "#"
                self.skip("#")
                if name := self.name():
                    self.does("select into")
                    self.writes(name, temporary=is_temporary)

    def _end_from(self) -> None:
        self.at += 1
        self.scope.in_from = self.scope.expects = False

    def _union(self) -> None:
        self._end_from()
        self.scope.has_union = True

    def _lateral(self) -> None:
        """Step over LATERAL; the columns that LATERAL VIEW names are no relations."""
        self.at += 1
        if self.skip("VIEW"):
            self.scope.in_from = self.scope.expects = False

    def _table(self) -> None:
        """Read `TABLE name` as an argument (ML.PREDICT) or as a query; TABLE(function(…)) is no relation."""
        self.at += 1
        before = self.word(-2)
        is_argument = self.depth > 0 and before in ("(", ",", "=>")
        is_query = before in ("", ";", "AS", "ALL", *_UNIONS) or (self.verb == "insert" and not self.scope.is_query)
        if self.word() == "(" and self.word(1) == "IDENTIFIER" and self.scope.expects:
            self.at += 1
            self.scope.expects = False
            self.reads(self.name())
            self.skip(")")
        elif self.word() == "(":
            self.scope.expects = False
        elif (is_argument and not self.scope.is_query) or is_query or self.scope.expects:
            self.scope.expects = False
            if self.names_next() and not (self.word(1) in (",", ")") and self.word() in _NO_ALIAS):
                self.reads(self.name())

    def _relation(self) -> None:
        """Read the relation that is expected here, with its alias; a function, stage, literal or variable is none."""
        scope = self.scope
        scope.expects = False
        if not self.names_next() or self.word() in ("UNNEST", "FLATTEN"):
            self.at += 1
            return
        if self.word() == "ONLY":
            self.at += 1
        if self.word() == "STREAM" and self.dialect == "databricks" and self._is_streamed():
            self.at += 1  # a table or a function that is read as a stream
        is_looked_up = self.word() == "IDENTIFIER" and self.word(1) == "("
        at, parts = self.at, self.name()
        if self.word() == "(" and not is_looked_up:
            scope.expects = parts == ("stream",) or parts == ("STREAM",)  # Databricks: a table read as a stream
            return  # else a table function; its alias follows its parentheses
        if parts and ".".join(map(plain, parts)) not in self.owns:
            self.noted.readings.append(Reading(parts, at, scope))
        self.alias(parts)

    def _is_streamed(self) -> bool:
        return (
            self.at + 1 < len(self.tokens)
            and is_name(self.tokens[self.at + 1], self.dialect)
            and self.word(1) not in _NO_ALIAS
        )

    def alias(self, parts: tuple[str, ...] | None) -> str | None:
        """Read the alias that follows a relation and note by which names it goes."""
        self.skip("AS")
        scope = self.scope
        written = ".".join(parts) if parts else None
        if parts:
            scope.aliases.setdefault(plain(parts[-1]), written)
        if self.names_next() and self.word() not in _NO_ALIAS:
            alias = plain(self.tokens[self.at])
            scope.aliases[alias] = written
            self.at += 1
            return alias
        return None

    # -- common table expressions ---------------------------------------------------------------------------------

    def _with(self) -> None:
        self.at += 1
        if self.scope.in_from and self.word() in _ASIDE:
            return
        is_recursive = self.skip("RECURSIVE")
        self._cte(is_recursive)

    def _cte(self, is_recursive: bool) -> None:
        """Read `name [(columns)] AS [NOT] [MATERIALIZED] (` and open its body."""
        if not self.names_next():
            return
        start, name = self.at, plain(self.tokens[self.at])
        self.at += 1
        has_body = self.word() == "(" and self.word(1) in ("SELECT", "WITH", "FROM")  # Spark may leave AS out
        if self.word() == "(" and not has_body:
            while self.at < len(self.words) and self.words[self.at] not in (")", ";"):
                self.at += 1
            self.skip(")")
        if not (has_body or self.skip("AS")):
            self.at = start
            return
        self.skip("NOT")
        self.skip("MATERIALIZED")
        if self.word() == "(":
            self.scope.expects = False
            self._open()
            self.scope.cte, self.scope.is_recursive = name, is_recursive
            if self.word() in ("INSERT", "UPDATE", "DELETE"):  # PostgreSQL writes in there too
                self._heads[self.word()](self)

    def _end_cte(self, name: str, is_recursive: bool) -> None:
        self.scope.ctes.setdefault(name, self.at)
        if self.skip(","):
            self._cte(is_recursive)
        elif self.depth == 0:
            self._head()


def _distinct(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Return names as written, each once however it is spelt, in order."""
    found: dict[str, str] = {}
    for parts in names:
        found.setdefault(".".join(map(plain, parts)).replace("`", ""), ".".join(parts))
    return tuple(sorted(found.values()))
