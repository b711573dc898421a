"""What methods look at: every query, object and pool as one row, its texts as numbers, and what was said so far."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from costlens.attribute.decide import decide
from costlens.attribute.known import Known, kept_keys
from costlens.attribute.subjects import subjects_of
from costlens.attribute.verdicts import SILENT, Outcome, Verdict, Verdicts
from costlens.masking import OPAQUE
from costlens.model import Column

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.engine import Engine

#: What methods say, in their order: tables of key columns of `Scene.subjects` and a `verdict`.
Voices = Mapping[str, Sequence["ir.Table"]]

WHO = ("user", "role", "client", "pool", "schema", "database", "account")
#: Fields that differ from run to run and attribute nothing: without them most tags of an asset are one text.
_RUN_FIELDS = frozenset({"dag_run_id", "dbt_invocation_id", "invocation_id", "p", "r", "s"})
_EPOCH = date(1970, 1, 1).toordinal()


class Scene:
    """One attribution: the subjects, what the estate knows, and the verdicts given."""

    def __init__(self, facts: Mapping[str, ir.Table], known: Known, engine: Engine) -> None:
        self.known = known
        self.facts = facts
        self.verdicts = Verdicts()
        self._engine = engine
        self._boundaries = _boundaries(known)
        fields = {rule.field for rule in known.estate.rules}
        wanted = {key.lower() for key in kept_keys(known.estate, known.settings)}
        self._run_fields = re.compile(rf'"({"|".join(sorted(_RUN_FIELDS - wanted))})":"[^"\\]*"')
        #: Columns that rules on principals look at; the user tells the environment too.
        self.who = [name for name in WHO if name in fields or name == "user"]
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

    def by_text(self, column: str, read: Callable[[str], Verdict | None]) -> list[ir.Table]:
        """Return [(<column>_no, verdict)] by reading each distinct text of a column once; [] where none speaks."""
        return self.by_text_and_era(column, lambda text, _: read(text), eras=False)

    def by_text_and_era(
        self, column: str, read: Callable[[str, int], Verdict | None], *, eras: bool = True
    ) -> list[ir.Table]:
        """Return [(<column>_no, era, verdict)], as `by_text` where what a text says depends on the day."""
        texts = self._engine.arrow(self._texts[column])
        rows: list[tuple[int, int, int]] = []
        said: dict[str, list[tuple[int, int]]] = {}
        for batch in texts.to_batches(max_chunksize=20_000):
            for text, number in zip(batch["value"].to_pylist(), batch["no"].to_pylist(), strict=True):
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
        self, columns: Collection[str], read: Callable[[dict[str, str | None], int], Verdict | None]
    ) -> list[ir.Table]:
        """Return [(columns, era, verdict)] by reading each distinct combination of the text columns once."""
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
            *(Column(column, "text") for column in columns),
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

    def rows(self, rows: ir.Table) -> list[dict[str, Any]]:
        """Run an expression and return its rows; for few rows."""
        return self._engine.rows(rows)

    def materialise(self, rows: ir.Table, hint: str) -> ir.Table:
        """Run an expression once and return what holds its rows."""
        return self._engine.materialise(rows, hint)


def _boundaries(known: Known) -> list[int]:
    """Return the days since 1970 on which a rule begins or ends to hold."""
    days = {day for rule in known.estate.rules for day in (rule.valid_from, rule.valid_to) if day}
    return sorted(day.toordinal() - _EPOCH for day in days)
