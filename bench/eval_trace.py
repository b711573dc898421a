"""Evaluates `costlens blame`: the file and line of queries whose source is known, and of queries whose source is not there."""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeforms import FORMS
from evaluation import Section, bootstrap
from others import OTHERS, other
from perturb import SAME, WRAPS, masked, parameters_bound, reprinted

from costlens.trace import FOUND, NEAR, Tracer
from costlens.trace.units import Unit, units_of

DATA = Path(__file__).parent.parent / "tests" / "trace" / "data"


@dataclass(frozen=True)
class Query:
    """A query with its answer: the file, the function and the line that it comes from."""

    group: str
    text: str
    path: str
    dataset: str
    line: int | None = None
    function: str | None = None


@dataclass(frozen=True)
class Answer:
    """What was said of a query; `present` = its source was there to be found."""

    query: Query
    present: bool
    verdict: str
    path: str | None
    score: float
    line: int | None
    function: str | None

    @property
    def is_right(self) -> bool:
        return self.present and self.verdict == FOUND and self.path == self.query.path

    @property
    def is_false(self) -> bool:
        return self.verdict == FOUND and not self.is_right

    @property
    def weight(self) -> float:
        """Money, made up: few queries cost most of it. The same for a query whatever is said of it."""
        return random.Random(self.query.path + self.query.group + self.query.text[:50]).paretovariate(1.5)


def load(name: str) -> list[dict[str, Any]]:
    """Return the rows of a data file."""
    with gzip.open(DATA / name, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


Code = dict[str, list[Unit]]


def code_of(files: dict[str, str]) -> Code:
    """Return the units of files, by path."""
    return {path: units_of(path, text.encode()) for path, text in files.items()}


def ask(code: Code, queries: Sequence[Query], *, present: bool) -> Iterator[Answer]:
    """Trace queries; with their own file taken out of the code unless it is to be present."""
    by_path: dict[str, list[Query]] = defaultdict(list)
    for query in queries:
        by_path["" if present else query.path].append(query)
    for path, asked in by_path.items():
        tracer = Tracer([unit for name, held in code.items() if name != path for unit in held])
        for query in asked:
            said = tracer.trace(query.text)
            best = said.best
            unit = best.unit if best else None
            yield Answer(
                query,
                present,
                said.verdict,
                unit.path if unit else None,
                said.score,
                best.line if best else None,
                unit.name if unit else None,
            )


def given() -> tuple[Code, list[Query]]:
    """Return the repository of the data, and its queries as they are given."""
    assets = {row["asset"]: row for row in load("bqetl_assets.jsonl.gz")}
    queries = [
        Query(
            f"given: {row['variant']}",
            row["executed_sql"],
            assets[row["gold_asset"]]["path"],
            row["gold_asset"].split(".")[1],
        )
        for row in load("bqetl_trace.jsonl.gz")
    ]
    return code_of({row["path"]: row["sql"] for row in assets.values()}), queries


def made() -> tuple[Code, list[Query]]:
    """Return the repository of the data, and what we make of every statement in it."""
    rows = load("bqetl_assets.jsonl.gz")
    queries = []
    for row in rows:
        if row["jinja"] or row["kind"] == "script":
            continue
        for name, change in SAME.items():
            if name in WRAPS and row["kind"] != "query":
                continue
            chance = random.Random(row["asset"] + name)
            text = change(row["sql"], chance)
            queries.append(Query(f"made: {name}", text, row["path"], row["asset"].split(".")[1]))
    return code_of({row["path"]: row["sql"] for row in rows}), queries


def nearly() -> tuple[Code, list[Query]]:
    """Return the repository of the data, and statements that are nearly those in it and stand nowhere."""
    rows = load("bqetl_assets.jsonl.gz")
    queries = []
    for row in rows:
        for name, change in OTHERS.items() if not row["jinja"] and row["kind"] != "script" else ():
            text = other(row["sql"], change, random.Random(row["asset"] + name))
            if text:
                queries.append(Query(name, text, row["path"], row["asset"].split(".")[1]))
    return code_of({row["path"]: row["sql"] for row in rows}), queries


def in_code() -> tuple[Code, list[Query]]:
    """Return a repository in which statements lie in programs, and what these run."""
    files, queries = {}, []
    forms = list(FORMS.items())
    rows = [row for row in load("bqetl_assets.jsonl.gz") if not row["jinja"] and row["kind"] != "script"]
    for number, row in enumerate(rows):
        kind, form = forms[number % len(forms)]
        dataset = row["asset"].split(".")[1]
        file = form(row["asset"].split(".", 1)[1].replace(".", "_"), row["sql"])
        files[file.path] = file.text
        for change in (parameters_bound, reprinted, masked):
            text = change(row["sql"], random.Random(row["asset"]))
            queries.append(Query(f"code: {kind}", text, file.path, dataset, file.line, file.function))
    return code_of(files), queries


def dbt() -> Iterator[tuple[Code, list[Query]]]:
    """Yield projects of dbt as they are written, and what dbt made of their models."""
    projects: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in load("dbt_models.jsonl.gz"):
        projects[row["project"], row["generated_at"]].append(row)
    for (project, _), rows in projects.items():
        files, queries = {}, []
        for row in rows:
            path = f"{row['unique_id'].split('.')[1]}/{row['source_path']}"
            files[path] = row["raw_code"]
            text = f"create table {row['relation']} as (\n{row['compiled_code']}\n)"
            queries.append(Query("dbt: compiled models", text, path, f"{project} {path}"))
            short = masked(row["compiled_code"], random.Random(0))
            queries.append(Query("dbt: compiled models, masked", short, path, f"{project} {path}"))
        yield code_of(files), queries


def answers() -> list[Answer]:
    """Ask everything, with the source present and absent, and of code that has nothing to do with it."""
    told: list[Answer] = []
    worlds = [given(), made(), in_code(), *dbt()]
    for code, queries in worlds:
        told += ask(code, queries, present=True)
        told += ask(code, queries, present=False)
    foreign = [
        Query("foreign repository", query.text, "", query.dataset) for _, queries in worlds[3:] for query in queries
    ]
    told += ask(worlds[0][0], foreign, present=False)
    foreign = [Query("foreign repository", query.text, "", query.dataset) for query in worlds[0][1]]
    told += ask(worlds[3][0], foreign, present=False)
    return told


def evaluate() -> Iterator[Section]:
    """Yield accuracy by class, the curve of coverage, and what a false claim would need."""
    told = answers()
    yield by_class(told)
    yield curve(told)
    yield places(told)
    yield others()


def others() -> Section:
    """Return how often a statement that stands nowhere is claimed: all are asked with the file present that they are like."""
    code, queries = nearly()
    tracer = Tracer([unit for held in code.values() for unit in held])
    count: dict[str, list[int]] = {}
    for query in queries:
        said = tracer.trace(query.text)
        is_shown = said.best is not None and said.best.unit.path == query.path
        row = count.setdefault(query.group, [0, 0, 0])
        for at, value in enumerate((1, said.verdict == FOUND, said.verdict == NEAR and is_shown)):
            row[at] += value
    rows = [
        *((name, *row) for name, row in count.items()),
        ("all", *(sum(each) for each in zip(*count.values(), strict=True))),
    ]
    return Section(
        "Code tracing: statements that differ in one place from one in the code",
        ("what differs", "asked", "claimed", "shown as a near-duplicate of it"),
        tuple(rows),
    )


def _clusters(told: Sequence[Answer]) -> list[list[Answer]]:
    groups: dict[str, list[Answer]] = defaultdict(list)
    for answer in told:
        groups[answer.query.dataset].append(answer)
    return list(groups.values())


def _mean(figure: Callable[[Answer], bool], *, by_money: bool = False) -> Callable[[list[Answer]], float]:
    def mean(told: list[Answer]) -> float:
        weights = [answer.weight if by_money else 1.0 for answer in told]
        return sum(w for w, a in zip(weights, told, strict=True) if figure(a)) / (sum(weights) or 1.0)

    return mean


def _interval(told: Sequence[Answer], figure: Callable[[list[Answer]], float]) -> str:
    low, high = bootstrap(_clusters(told), figure, rounds=300)
    return f"{figure(list(told)):.3f} ({low:.3f}–{high:.3f})"


def by_class(told: Sequence[Answer]) -> Section:
    """Return what was found, and claimed falsely, by class."""
    rows = []
    groups = list(dict.fromkeys(answer.query.group for answer in told))
    for group in [*groups, "all"]:
        mine = [answer for answer in told if group in ("all", answer.query.group)]
        present = [answer for answer in mine if answer.present]
        absent = [answer for answer in mine if not answer.present]
        rows.append(
            (
                group,
                len(present),
                _interval(present, _mean(lambda a: a.is_right)) if present else "–",
                _interval(present, _mean(lambda a: a.is_right, by_money=True)) if present else "–",
                sum(answer.verdict == NEAR for answer in present),
                sum(answer.is_false for answer in present),
                len(absent),
                sum(answer.is_false for answer in absent),
            )
        )
    columns = ("class", "present", "found, of queries", "found, of money", "near", "wrong file", "absent", "claimed")
    return Section("Code tracing: the file of a query", columns, tuple(rows), NOTES)


def curve(told: Sequence[Answer]) -> Section:
    """Return how much is answered at which precision, were every score above a threshold a claim."""
    ranked = sorted(told, key=lambda a: -a.score)
    present = sum(answer.present for answer in told)
    rows = []
    for allowed in (0.0, 0.001, 0.01, 0.05):
        claims = false = right = 0
        best: tuple[int, float] = (0, 1.0)
        for answer in ranked:
            claims += 1
            is_right = answer.present and answer.path == answer.query.path
            right, false = right + is_right, false + (not is_right)
            if false <= allowed * claims:
                best = (right, answer.score)
        rows.append((f"{allowed:.1%}", best[1], best[0] / present, claims))
    return Section(
        "Code tracing: coverage by how many false claims are borne",
        ("false claims", "score from", "found", "asked"),
        tuple(rows),
    )


def places(told: Sequence[Answer]) -> Section:
    """Return how near the line is, and whether the function is the right one."""
    rows = []
    for group in dict.fromkeys(answer.query.group for answer in told):
        right = [a for a in told if a.is_right and a.query.group == group and a.query.line is not None]
        if right:
            near = sum(abs((a.line or 0) - (a.query.line or 0)) <= 5 for a in right) / len(right)
            named = sum(a.function == a.query.function for a in right) / len(right)
            rows.append((group, len(right), near, named))
    return Section("Code tracing: the place in the file", ("class", "found", "line ± 5", "function"), tuple(rows))


NOTES = (
    "present: the source is in the repository; absent: its file was taken out, what resembles it is still there; a claim is then false.",
    "95 % intervals by bootstrap over datasets. Money is made up (Pareto, 1.5): the data has none.",
)
