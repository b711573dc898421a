"""The tables of the ledger: every fact, charge, attribution and total that CostLens keeps, as data.

Types are those of `costlens.columns`. Every window is half-open, every instant is UTC.
"""

from __future__ import annotations

from costlens.columns import Column as Column
from costlens.columns import Table as Table
from costlens.columns import Type as Type
from costlens.columns import columns

DECIMAL_PLACES = 12
MICROSECONDS_PER_HOUR = 3_600_000_000
MICROSECONDS_PER_DAY = 24 * MICROSECONDS_PER_HOUR


TABLES: dict[str, Table] = {}

# The first two columns of every table; facts also carry `feed`, the vendor's view a row was read from:
# a pull replaces the rows of its own feed within its own window and touches no other.
_SOURCE = """
source text name of the configured warehouse account
day day UTC day the row belongs to (see the table's grain)
"""
_FEED = """
feed text view the row was read from
"""


def _fact(name: str, grain: str, key: tuple[str, ...], text: str) -> Table:
    return _listed(Table(name, grain, columns(_SOURCE + _FEED.lstrip() + text.lstrip()), key))


def _result(name: str, grain: str, key: tuple[str, ...], text: str) -> Table:
    return _listed(Table(name, grain, columns(_SOURCE + text.lstrip()), key, is_fact=False))


def _listed(table: Table) -> Table:
    TABLES[table.name] = table
    return table


QUERIES = _fact(
    "queries",
    "one ended statement or job; day = UTC day of ended_at",
    ("query_id",),
    """
query_id text
parent_id text query that issued this one, where the query view itself says so
root_id text outermost query of the call tree
session_id text
transaction_id text
submitted_at instant
started_at instant start of execution, after queueing and compiling
ended_at instant
queued_ms integer
execution_ms integer
pool_id text id of the pool it ran on; null = used no pool
pool text name of the pool, also where it used none (the session's)
pool_kind text standard, adaptive, interactive, reservation, on-demand, none
pool_size text vendor's size name, normalised: XSMALL, SMALL, ... 6XLARGE
cluster text cluster within the pool
account text project or account that pays
region text
database text
schema text
statement_type text
status text success, failed, cancelled
error text error code or reason, never the message
user text
role text
tag text query tag as sent, literals masked unless the configuration keeps them
labels text JSON object of job labels
mark text JSON object found in a comment of the statement: a tool's mark, never other text
shape text hash of the statement without literals and comments
bytes_scanned integer
bytes_billed integer bytes the vendor bills by; null = not billed by bytes or hidden
bytes_spilled integer
slot_ms integer
rows_written integer
overhead_units double cloud-services credits before the daily adjustment
from_cache boolean
is_client_generated boolean housekeeping statement of a driver or web page
targets text JSON list of relations written, where the vendor says so
reads text JSON list of relations read, where the vendor says so
destination_is_temporary boolean
""",
)

SESSIONS = _fact(
    "sessions",
    "one client session; day = UTC day it was opened",
    ("session_id",),
    """
session_id text
opened_at instant
user text
application text what the client calls itself
path text script the client says it runs
driver text
""",
)

USERS = _fact(
    "users",
    "what the warehouse says of a person: user x field x value; day = UTC day it was read on",
    ("day", "user", "field", "value"),
    """
user text
field text default_role, granted_role or email
value text
""",
)

QUERY_USAGE = _fact(
    "query_usage",
    "what the vendor says a query used: query x hour, or whole query (hour null); day = UTC day of hour or of ended_at",
    ("query_id", "hour", "unit"),
    """
query_id text
parent_id text
root_id text
pool_id text
pool text
hour instant null = the figure is for the whole query
started_at instant
ended_at instant
unit text credits, slot-hours, acceleration credits
units double
""",
)

METERING = _fact(
    "metering",
    "units a pool was billed for in one hour; day = UTC day of hour",
    ("pool_id", "hour", "service", "unit"),
    """
pool_id text
pool text
pool_kind text standard, adaptive, interactive, reservation, none
account text
region text
service text service of the bill that this is part of
hour instant
unit text credits, slot-hours
units decimal compute only, without overhead
own_units decimal what the vendor attributes to queries; null = does not say
overhead_units decimal cloud-services credits before the daily adjustment
""",
)

POOL_EVENTS = _fact(
    "pool_events",
    "a pool changed state; day = UTC day of at",
    ("pool_id", "at", "event", "cluster"),
    """
pool_id text
pool text
at instant
event text resume, suspend, resize, clusters
cluster text
size text
clusters integer
""",
)

USAGE = _fact(
    "usage",
    "a metered line that is no pool; day = UTC day of started_at",
    ("service", "object_id", "started_at", "unit", "kind"),
    """
account text
region text
service text service as the vendor names it
category text storage, serverless, ingest, transfer, ai, acceleration, overhead, other
kind text finer part of the line, so that its key is unique
object_id text relation or other object it was for; null = not said
object text
pool_id text pool it belongs to, for acceleration
started_at instant
ended_at instant
unit text
units decimal
""",
)

BILL = _fact(
    "bill",
    "what the vendor says is owed: day x service; day = the vendor's billing day",
    ("day", "account", "region", "service", "unit", "kind", "currency", "billing_period"),
    """
account text
region text
service text
kind text compute, overhead, storage, transfer, credit, tax, adjustment, other
unit text
units decimal usage before adjustment
overhead_units decimal cloud services within units
adjustment_units decimal usually negative
cost decimal owed, in currency; null = the vendor gives units only
currency text
billing_period text YYYY-MM as the vendor bills
""",
)

RATES = _fact(
    "rates",
    "price of one unit of a service on one day",
    ("day", "account", "region", "service", "unit", "origin"),
    """
account text null = any
region text null = any
service text
unit text
price decimal per unit
list_price decimal null = not known
currency text
valid_from day
valid_to day exclusive
origin text usage in currency, rate sheet, list, configured
is_final boolean whether the vendor may still change it
""",
)

ACCESSES = _fact(
    "accesses",
    "what the vendor says that a query wrote and read; day = UTC day of accessed_at",
    ("query_id",),
    """
query_id text
accessed_at instant start of the query
targets text JSON list of relations written
reads text JSON list of relations read
""",
)

SHAPES = _fact(
    "shapes",
    "shape x database x schema seen on the day",
    ("day", "shape", "database", "schema"),
    """
shape text
database text
schema text
text text the statement with literals and comments taken out
query_id text a sample: the least id of the day
""",
)

RUNS = _fact(
    "runs",
    "one run of an orchestrator; source = its name in the configuration; day = UTC day of started_at",
    ("run_id",),
    """
run_id text
parent_id text run that started this one
orchestrator text
job text what ran: a DAG and its task, a job, a dbt command
started_at instant
ended_at instant
status text
""",
)

MATERIALIZATIONS = _fact(
    "materializations",
    "run x asset x partition; source = the orchestrator's name in the configuration; day = UTC day of started_at",
    ("run_id", "asset", "partition"),
    """
run_id text
asset text name of the asset as the orchestrator writes it: key, dbt unique id or relation; null = the run itself
partition text
started_at instant
ended_at instant
orchestrator text
status text
code_ref text
query_ids text JSON list of the queries that were issued for it
""",
)

LINEAGE = _result(
    "lineage",
    "shape seen on the day, read: what its statement writes and reads",
    ("day", "shape"),
    """
shape text
digest text hash of the masked text that was read
verb text what the statement does: select, insert, merge, create table, swap, ...
targets text JSON list of relations written, as the statement names them
sources text JSON list of relations read, as the statement names them
temporary text JSON list of the targets that are made for the session only
marks text JSON list of words in the text that tell a tool
version text of what read it: another one reads the shapes again
""",
)

SHAPE_ASSETS = _result(
    "shape_assets",
    "shape x asset seen on the day: what its queries were for, by evidence of their own",
    ("day", "shape", "asset"),
    """
shape text
asset text
""",
)

CHARGES = _result(
    "charges",
    "the smallest line of money; day = UTC day of the hour, or of the usage line",
    (),
    """
hour instant null = a line of the whole day
started_at instant
ended_at instant
billing_period text YYYY-MM as the vendor bills
account text
region text
service text
category text query, idle, overhead, acceleration, storage, serverless, ingest, transfer, ai, other, adjustment
cause text for idle: minimum, suspend tail, gap, no query, not separable; for query without id: unlisted
pool_id text
pool text
query_id text
object_id text
object text
units decimal
unit text
cost decimal
list_cost decimal
currency text
rate_origin text
method text vendor, time share, bytes, metered, billed
status text estimated, provisional, final
""",
)

ATTRIBUTIONS = _result(
    "attributions",
    "query, object or pool x asset; day = UTC day of the query's end or of the usage line",
    ("subject_kind", "subject_id", "asset", "rule_team"),
    """
subject_kind text query, object, pool
subject_id text
asset text null = none
rule_team text team that a principal rule or tag names, where no asset does
share double of the subject, sums to 1
method text tag, run, comment, parent, target, shape, code, tool, read, principal, none
confidence double
evidence text JSON list of all that spoke: method, asset, team, share, confidence, text
environment text production, ci, development; null = not known
purpose text build, test, read, maintenance; null = not known
code_ref text
code_version text
rules_version text
""",
)

DAILY = _result(
    "daily",
    "what reports, dashboard and detector read: day x every column that is not a sum",
    (),
    """
billing_period text
account text
region text
service text
category text
cause text
pool text
user text
role text
shape text
object text
asset text
rule_team text
method text method of attribution
environment text
purpose text
currency text
unit text
status text
units decimal
cost decimal
list_cost decimal
queries double query x share, so that it sums
runs integer runs that built the asset, each once a UTC day; 0 beside what is no build
seconds double execution seconds x share
bytes double bytes scanned x share
provisional_cost decimal part of cost that may still change
""",
)

FACTS: tuple[str, ...] = tuple(name for name, table in TABLES.items() if table.is_fact)
RESULTS: tuple[str, ...] = tuple(name for name, table in TABLES.items() if not table.is_fact)
