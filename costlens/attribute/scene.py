"""What methods look at: every query, object and pool as one row, its texts as numbers, and what was said so far."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from costlens.attribute.decide import decide
from costlens.attribute.deeds import Deed, read_deed
from costlens.attribute.known import Known, kept_keys
from costlens.attribute.subjects import subjects_of
from costlens.attribute.tools import Tools, who_fields
from costlens.attribute.verdicts import SILENT, Outcome, Verdict, Verdicts
from costlens.marks import RUN_KEYS
from costlens.masking import OPAQUE
from costlens.model import Column

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.engine import Engine
    from costlens.estate import Membership, Ownership, PrincipalRule
    from costlens.trace.code import Code

#: What methods say, in their order: tables of key columns of `Scene.subjects` and a `verdict`.
Voices = Mapping[str, Sequence["ir.Table"]]

WHO = ("user", "role", "client", "pool", "schema", "database", "account")
#: Fields that differ from run to run and attribute nothing (our `p` and `s` too: partition, step): without them most tags of an asset
#: are one text.
_RUN_FIELDS = frozenset({*RUN_KEYS, "p", "s"})
_EPOCH = date(1970, 1, 1).toordinal()


class Scene:
    """One attribution: the subjects, what the estate knows, and the verdicts given."""

    def __init__(self, facts: Mapping[str, ir.Table], known: Known, engine: Engine, code: Code | None = None) -> None:
        self.known = known
        self.code = code
        self.facts = facts
        self.tools = Tools(known.settings.tools)
        self.verdicts = Verdicts()
        self._engine = engine
        self._boundaries = _boundaries(known)
        fields = {rule.field for rule in known.estate.rules}
        wanted = {key.lower() for key in kept_keys(known.estate, known.settings)}
        self._run_fields = re.compile(rf'"({"|".join(sorted(_RUN_FIELDS - wanted))})":"[^"\\]*"')
        #: Columns that rules on principals look at; the user tells the environment too.
        fields |= {"user", "client", *who_fields(self.tools.rules)}
        self.who = [name for name in WHO if name in fields]
        self.subjects, self._texts = subjects_of(facts, self.who, self._boundaries, engine)

    def day_of_era(self, era: int) -> date:
        """Return a day of an era: rules hold or do not hold for whole eras."""
        return date.fromordinal(_EPOCH + (self._boundaries[era - 1] if era else (self._boundaries or [1])[0] - 1))

    @property
    def eras(self) -> range:
        """The eras that the rules' validity cuts time into; 0 is before the first change."""
        return range(len(self._boundaries) + 1)

    def has(self, column: str) -> bool:
        """Tell whether there are texts of a column."""
        return column in self._texts

    def has_column(self, column: str) -> bool:
        """Tell whether subjects have a column of who ran them, or numbers of such texts."""
        return column in self.who or (column.endswith("_no") and column.removesuffix("_no") in self._texts)

    @cached_property
    def deeds(self) -> Mapping[int, Deed]:
        """What queries did, by number."""
        return {number: read_deed(text) for text, number in self.texts("deed")}

    def by_deed(self, read: Callable[[Deed], Verdict | None]) -> list[ir.Table]:
        """Return [(deed_no, verdict)] by looking at each distinct deed once; [] where none speaks."""
        told = {number: self.verdicts.number(read(deed)) for number, deed in self.deeds.items()}
        told = {number: verdict for number, verdict in told.items() if verdict}
        return [self.numbers({"deed_no": [*told], "verdict": [*told.values()]}, "by_deed")] if told else []

    def text_table(self, column: str) -> ir.Table:
        """Return the distinct texts (value, no) of a column."""
        return self._texts[column]

    def texts(self, column: str) -> Iterator[tuple[str, int]]:
        """Yield the distinct texts of a column with their numbers."""
        for batch in self.batches(self._texts[column]):
            yield from zip(batch["value"].to_pylist(), batch["no"].to_pylist(), strict=True)

    def batches(self, rows: ir.Table) -> Iterator[pa.RecordBatch]:
        """Run an expression and return its rows in batches, in their order."""
        yield from self._engine.arrow(rows).to_batches(max_chunksize=20_000)

    def by_text(self, column: str, read: Callable[[str], Verdict | None]) -> list[ir.Table]:
        """Return [(<column>_no, verdict)] by reading each distinct text of a column once; [] where none speaks."""
        return self.by_text_and_era(column, lambda text, _: read(text), eras=False)

    def by_text_and_era(
        self, column: str, read: Callable[[str, int], Verdict | None], *, eras: bool = True
    ) -> list[ir.Table]:
        """Return [(<column>_no, era, verdict)], as `by_text` where what a text says depends on the day."""
        rows: list[tuple[int, int, int]] = []
        said: dict[str, list[tuple[int, int]]] = {}
        for text, number in self.texts(column):
            if text.startswith(OPAQUE):
                continue
            lasting = self._run_fields.sub(r'"\1":""', text)
            if lasting not in said:
                numbers = ((era, self.verdicts.number(read(lasting, era))) for era in (self.eras if eras else (0,)))
                said[lasting] = [(era, verdict) for era, verdict in numbers if verdict]
            rows += [(number, era, verdict) for era, verdict in said[lasting]]
        if not rows:
            return []
        names = (f"{column}_no", "era", "verdict")
        table = self.numbers(dict(zip(names, zip(*rows, strict=True), strict=True)), f"by_{column}")
        return [table if eras else table.drop("era")]

    def by_columns(
        self, columns: Collection[str], read: Callable[[dict[str, Any], int], Verdict | None]
    ) -> list[ir.Table]:
        """Return [(columns, era, verdict)] by reading each distinct combination of columns once; those called `_no` are numbers."""
        keys = [*columns, "era"]
        rows = self._engine.arrow(self.subjects.select(keys).distinct())
        said = [
            self.verdicts.number(read({column: row[column] for column in columns}, row["era"]))
            for row in rows.to_pylist()
        ]
        told = rows.append_column("verdict", pa.array(said, pa.int64())).filter(pa.array([bool(n) for n in said]))
        if not told.num_rows:
            return []
        kinds = [
            *(Column(column, "integer" if column.endswith("_no") else "text") for column in columns),
            Column("era", "integer"),
            Column("verdict", "integer"),
        ]
        return [self._engine.register(told, "by_who", kinds)]

    def hear(self, rows: ir.Table, voices: Voices) -> tuple[ir.Table, list[str]]:
        """Return subject rows with one verdict column per voice (0 = silent), and the names of these columns."""
        names: list[str] = []
        for method, tables in voices.items():
            for table in tables:
                name = f"said_{len(names)}_{method}"
                keys = [column for column in table.columns if column != "verdict"]
                said = table.rename({f"key_{key}": key for key in keys} | {name: "verdict"})
                rows = rows.left_join(said, [rows[key].identical_to(said[f"key_{key}"]) for key in keys])
                rows = rows.drop(*(f"key_{key}" for key in keys))
                rows = rows.mutate(**{name: rows[name].fill_null(SILENT)})
                names.append(name)
        return (rows, names) if names else (rows.mutate(said_nothing=SILENT), ["said_nothing"])

    def outcomes(self, heard: ir.Table, names: Sequence[str]) -> tuple[list[tuple[int, ...]], list[Outcome]]:
        """Decide each distinct combination of verdicts in `heard` once; return the combinations and their outcomes."""
        combinations = [tuple(row.values()) for row in self._engine.arrow(heard.select(*names).distinct()).to_pylist()]
        combinations.sort()
        return combinations, [decide([self.verdicts[n] for n in row if n]) for row in combinations]

    def numbers(self, columns: Mapping[str, Sequence[int]], hint: str) -> ir.Table:
        """Return columns of integers as a table."""
        arrow = pa.table({name: pa.array(values, pa.int64()) for name, values in columns.items()})
        return self._engine.register(arrow, hint, [Column(name, "integer") for name in columns])

    def register(self, rows: pa.Table, hint: str, columns: Sequence[Column]) -> ir.Table:
        """Return rows of Arrow as a table."""
        return self._engine.register(rows, hint, columns)

    def named(self, values: Sequence[str], hint: str, numbers: Sequence[int] | None = None) -> ir.Table:
        """Return texts with numbers, by default their places, as a table (value, no)."""
        held = numbers if numbers is not None else range(len(values))
        arrow = pa.table({"value": pa.array(values, pa.string()), "no": pa.array(held, pa.int64())})
        return self._engine.register(arrow, hint, [Column("value", "text"), Column("no", "integer")])

    def rows(self, rows: ir.Table) -> list[dict[str, Any]]:
        """Run an expression and return its rows; for few rows."""
        return self._engine.rows(rows)

    def materialise(self, rows: ir.Table, hint: str) -> ir.Table:
        """Run an expression once and return what holds its rows."""
        return self._engine.materialise(rows, hint)


def _boundaries(known: Known) -> list[int]:
    """Return the days since 1970 on which a rule or an ownership begins or ends to hold."""
    held: list[PrincipalRule | Ownership | Membership] = [
        *known.estate.rules,
        *known.estate.ownership,
        *known.estate.people,
    ]
    days = {day for each in held for day in (each.valid_from, each.valid_to) if day}
    return sorted(day.toordinal() - _EPOCH for day in days)
