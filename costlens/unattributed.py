"""What nobody pays for yet: the rest by money, in groups that one rule, tag, asset or repository would attribute, with that fix."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import ibis

from costlens.attribute.known import Known, glob
from costlens.attribute.people import roles_held
from costlens.engine import Engine
from costlens.estates.relations import parts_of
from costlens.settings.attribution import Settings

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.ledger import Ledger, Snapshot

Kind = Literal["script", "relation", "user", "application", "shape", "pool", "object", "service", "unknown"]
#: Categories that a policy spreads by their nature: they are allocated, not attributed.
ALLOCATED = ("idle", "overhead", "adjustment")
#: What `--by` may name; `fix` picks for each query the group that the quickest fix is for.
BY = ("fix", "user", "application", "script", "shape", "pool")
#: Files that start other programs: they tell nothing of the one that was started.
_LAUNCHERS = frozenset(
    {
        "airflow",
        "celery",
        "dagster",
        "dbt",
        "gunicorn",
        "ipykernel_launcher.py",
        "jupyter",
        "pytest",
        "python",
        "uvicorn",
    }
)
_FIELDS: Mapping[Kind, str] = {"user": "user", "pool": "pool", "application": "client"}


@dataclass
class Group:
    """Queries (or objects) that one fix would attribute."""

    kind: Kind
    name: str
    currency: str
    cost: Decimal = Decimal(0)
    queries: int = 0
    sources: set[str] = field(default_factory=set)
    users: Counter[str] = field(default_factory=Counter)
    sample: str | None = None
    """Id of one of its queries, for `costlens why`."""
    hint: str = ""
    """What is known that would help to choose the team."""

    @property
    def rule(self) -> tuple[str, str] | None:
        """Field and pattern of the principal rule that would give it to a team."""
        column = _FIELDS.get(self.kind)
        return (column, self.name) if column else None

    @property
    def fix(self) -> str:
        """What would attribute it, in a few words."""
        if self.kind == "relation" or self.kind == "object":
            return f"an asset whose relation is {self.name}"
        if self.kind == "script":
            return f"`costlens run --asset KEY -- python {self.name}`, or its repository under `code`"
        if self.kind == "service":
            return "spread by a rule of the allocation policy: nothing finer is metered"
        if rule := self.rule:
            return f"a rule {{{rule[0]}: {rule[1]}}} of a team"
        return "`costlens blame` on its text" if self.kind == "shape" else "a tag: nothing is known of who asked"


@dataclass(frozen=True)
class Rest:
    """All that is not attributed of some days."""

    groups: tuple[Group, ...]
    total: dict[str, Decimal]
    """Spend of the same days that could be attributed, per currency."""


def rest(
    ledger: Ledger,
    snapshot: Snapshot,
    since: int | None,
    until: int | None,
    by: str,
    settings: Settings,
    month: str | None = None,
) -> Rest:
    """Return what no method attributed within days [since, until), of a billing month if one is given, largest first.

    Money is what queries, metered objects and services that name neither were charged; idle, overhead and adjustments are
    allocated, not attributed.
    """
    with Engine() as engine:
        tables = {
            name: ledger.table(name, snapshot, engine, since=since, until=until)
            for name in ("charges", "attributions", "queries", "lineage", "sessions")
        }
        charges = tables["charges"].filter(ibis._.category.notin(ALLOCATED))
        tables["charges"] = charges = charges.filter(ibis._.billing_period == month) if month else charges
        rows = engine.rows(_unattributed(tables))
        sums = engine.rows(charges.group_by("currency").agg(cost=charges.cost.sum()))
        roles = engine.rows(tables["queries"].select("user", "role").distinct())
        held = roles_held(ledger.table("users", snapshot, engine), engine)
    known = Known(ledger.estate(snapshot), settings)
    groups: dict[tuple[str, str, str], Group] = {}
    for row in rows:
        kind, name = _group_of(row, by, known)
        group = groups.setdefault((kind, name, row["currency"]), Group(kind, name, row["currency"]))
        group.cost += row["cost"]
        group.queries += row["queries"]
        group.sources.add(row["source"])
        group.sample = min(filter(None, (group.sample, row["sample"])), default=None)
        if row["user"]:
            group.users[row["user"]] += row["queries"]
    found = sorted(groups.values(), key=lambda group: (-group.cost, group.kind, group.name))
    for group in found:
        told = (worked_for(group, known, roles) or holds(group, known, held)) if group.kind == "user" else ""
        group.hint = told or _hint(group, known, rows)
    return Rest(tuple(found), {row["currency"]: row["cost"] for row in sums})


_KEYS = (
    "source",
    "user",
    "role",
    "pool",
    "database",
    "schema",
    "application",
    "path",
    "shape",
    "verb",
    "targets",
    "object",
    "service",
    "currency",
)


def _unattributed(tables: Mapping[str, ir.Table]) -> ir.Table:
    """Return the unattributed money by all that groups are made of."""
    told = tables["attributions"]
    told = told.filter(told.method == "none").select("source", "subject_kind", "subject_id", told_day="day")
    each = ibis.union(_asked(tables, told), _objects(tables, told), _services(tables["charges"]))
    return each.group_by(_KEYS).agg(cost=each.cost.sum(), queries=each.query_id.nunique(), sample=each.query_id.min())


def _asked(tables: Mapping[str, ir.Table], told: ir.Table) -> ir.Table:
    """Return the charges of queries that nothing spoke of, with what is known of them."""
    charges, queries = tables["charges"], tables["queries"]
    asked = charges.filter(charges.query_id.notnull()).select("source", "query_id", "cost", "currency")
    of_query = told.filter(told.subject_kind == "query")
    asked = asked.semi_join(of_query, [asked.source == of_query.source, asked.query_id == of_query.subject_id])
    sessions = tables["sessions"].group_by("source", "session_id")
    sessions = sessions.agg(application=ibis._.application.max(), path=ibis._.path.max())
    columns = ("source", "query_id", "day", "user", "role", "pool", "database", "schema", "session_id", "shape")
    queries = queries.select(*columns, vendor="targets")
    lineage = tables["lineage"].select("source", "day", "shape", "verb", "targets")
    queries = queries.left_join(lineage, ["source", "day", "shape"]).drop("source_right", "day_right", "shape_right")
    queries = queries.left_join(sessions, ["source", "session_id"]).drop("source_right", "session_id_right")
    asked = asked.left_join(queries, ["source", "query_id"]).drop("source_right", "query_id_right")
    asked = asked.mutate(targets=ibis.coalesce(asked.vendor, asked.targets))
    return _keyed(asked)


def _objects(tables: Mapping[str, ir.Table], told: ir.Table) -> ir.Table:
    """Return the charges of metered objects that nothing spoke of."""
    charges = tables["charges"]
    objects = charges.filter(charges.query_id.isnull() & charges.object_id.notnull())
    named = ibis.coalesce(objects["object"], objects.object_id)
    objects = objects.select("source", "cost", "currency", "day", "object_id", object=named)
    of_object = told.filter(told.subject_kind == "object")
    same = [
        objects.source == of_object.source,
        objects.object_id == of_object.subject_id,
        objects.day == of_object.told_day,
    ]
    objects = objects.semi_join(of_object, same)
    return _keyed(objects)


def _services(charges: ir.Table) -> ir.Table:
    """Return the charges that name neither a query nor an object, such as data transfer."""
    rows = charges.filter(charges.query_id.isnull() & charges.object_id.isnull())
    return _keyed(rows.select("source", "service", "currency", "cost"))


def _keyed(rows: ir.Table) -> ir.Table:
    """Return rows with every column that groups are made of, null where they have none."""
    missing = {name: ibis.null("string") for name in (*_KEYS, "query_id") if name not in rows.columns}
    return rows.mutate(**missing).select(*_KEYS, "query_id", "cost")


def _group_of(row: Mapping[str, Any], by: str, known: Known) -> tuple[Kind, str]:
    if row["object"]:
        return "object", row["object"]
    if row["service"]:
        return "service", row["service"]
    if by != "fix":
        columns = {"script": "path"}
        value = row[columns.get(by, by)]
        return (by, value) if value else ("unknown", f"no {by}")  # type: ignore[return-value]
    if script := script_of(row["path"]):
        return "script", script
    is_persons = bool(row["user"]) and known.environment_of_user(row["user"]) == "development"
    if not is_persons and (relation := _relation(row)):
        return "relation", relation
    for kind, column in (("user", "user"), ("pool", "pool"), ("application", "application"), ("shape", "shape")):
        if row[column]:
            return kind, row[column]  # type: ignore[return-value]
    return "unknown", "nothing known"


def script_of(path: str | None) -> str | None:
    """Return the script that a session names, None where it is a launcher's."""
    if not path:
        return None
    name = path.replace("\\", "/").rsplit("/", 1)[-1]
    return None if name.lower() in _LAUNCHERS or not name.endswith((".py", ".sh", ".ipynb", ".R", ".js")) else path


def _relation(row: Mapping[str, Any]) -> str | None:
    """Return the first relation that a statement writes, completed by where it stood."""
    for name in json.loads(row["targets"] or "[]"):
        parts = parts_of(name)
        if len(parts) == 1 and row["schema"]:
            parts = (row["schema"].lower(), *parts)
        if len(parts) == 2 and row["database"]:
            parts = (row["database"].lower(), *parts)
        if len(parts) == 3:
            return ".".join(parts)
    return None


def worked_for(group: Group, known: Known, roles: Iterable[Mapping[str, Any]]) -> str:
    """Say in which other role of a team a user also works, where the roles are of one team only."""
    own = sorted({row["role"] for row in roles if row["user"] == group.name and row["role"]})
    rules = [rule for rule in known.estate.rules if rule.field == "role"]
    teams = {rule.team: role for role in own for rule in rules if glob(rule.pattern).match(role)}
    return (
        "".join(f"also works in role {role} of team {team}" for team, role in teams.items()) if len(teams) == 1 else ""
    )


def holds(group: Group, known: Known, held: Mapping[str, Sequence[str]]) -> str:
    """Say which role that a user holds has a team's name in it, where it is one team's only, and the rule that would tell all who do."""
    teams = {team.name.lower(): team.name for team in known.estate.teams}
    named = {
        role: teams[word]
        for role in held.get(group.name.lower(), ())
        for word in re.split(r"[^a-z0-9]+", role.lower())
        if word in teams
    }
    if len(set(named.values())) != 1:
        return ""
    role, team = min(named.items())
    return f"holds role {role}: `granted_role: {role}` under team {team} tells all who do"


def _hint(group: Group, known: Known, rows: Iterable[Mapping[str, Any]]) -> str:
    """Say what the ledger knows that helps to choose a team: never more than a hint, what one reads is not whose one is."""
    if group.kind != "user":
        return f"by {', '.join(user for user, _ in group.users.most_common(2))}" if group.users else ""
    first = group.name.lower().partition("@")[0].partition(".")[0]
    alike = sorted(
        {
            row["user"]
            for row in rows
            if row["user"] and row["user"] != group.name and row["user"].lower().startswith(first)
        }
    )
    return f"perhaps the same person as {', '.join(alike[:2])}" if alike and len(first) > 2 else ""
