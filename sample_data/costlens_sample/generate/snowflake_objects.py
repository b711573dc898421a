"""The views of serverless features, each with the object it worked for."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from costlens_sample.generate.billing import Bill
from costlens_sample.generate.clock import utc
from costlens_sample.generate.files import Row, schema
from costlens_sample.generate.services import Line

_OBJECT = """
START_TIME time
END_TIME time
CREDITS_USED {}
{}_ID int
{}_NAME text
SCHEMA_ID int
SCHEMA_NAME text
DATABASE_ID int
DATABASE_NAME text
"""

#: View -> (service, column prefix of the object, schema).
OBJECT_VIEWS = {
    "automatic_clustering_history": (
        "AUTO_CLUSTERING",
        "TABLE",
        schema(_OBJECT.format("credits", "TABLE", "TABLE") + "NUM_BYTES_RECLUSTERED int\nVERSION text"),
    ),
    "materialized_view_refresh_history": (
        "MATERIALIZED_VIEW",
        "TABLE",
        schema(_OBJECT.format("text", "TABLE", "TABLE")),
    ),
    "serverless_task_history": ("SERVERLESS_TASK", "TASK", schema(_OBJECT.format("text", "TASK", "TASK"))),
    "search_optimization_history": (
        "SEARCH_OPTIMIZATION",
        "BASE_TABLE",
        schema(
            _OBJECT.format("credits", "BASE_TABLE", "BASE_TABLE") + "INDEX_ID int\nINDEX_NAME text\nINDEX_TYPE text"
        ),
    ),
    "pipe_usage_history": (
        "PIPE",
        "PIPE",
        schema(
            "START_TIME time\nEND_TIME time\nPIPE_ID int\nPIPE_NAME text\nCREDITS_USED credits\n"
            "BYTES_INSERTED float\nFILES_INSERTED int\nBYTES_BILLED int"
        ),
    ),
    "query_acceleration_history": (
        "QUERY_ACCELERATION",
        "WAREHOUSE",
        schema("START_TIME time\nEND_TIME time\nCREDITS_USED credits\nWAREHOUSE_ID int\nWAREHOUSE_NAME text"),
    ),
    "cortex_ai_functions_usage_history": (
        "AI_SERVICES",
        "",
        schema(
            "START_TIME time\nEND_TIME time\nFUNCTION_NAME text\nMODEL_NAME text\nQUERY_ID text\nWAREHOUSE_ID int\n"
            "QUERY_TAG text\nUSER_ID int\nCREDITS credits\nIS_COMPLETED bool"
        ),
    ),
}


#: Views of features that Encore does not use: exported, and empty.
UNUSED = {
    "hybrid_table_usage_history": schema(
        "START_TIME time\nEND_TIME time\nOBJECT_TYPE text\nOBJECT_ID int\nOBJECT_NAME text\nSCHEMA_ID int\n"
        "SCHEMA_NAME text\nDATABASE_ID int\nDATABASE_NAME text\nCREDITS_USED credits"
    ),
    "replication_group_usage_history": schema(
        "START_TIME time\nEND_TIME time\nREPLICATION_GROUP_NAME text\nREPLICATION_GROUP_ID int\nCREDITS_USED credits\n"
        "BYTES_TRANSFERRED float"
    ),
    "snowpipe_streaming_file_migration_history": schema(_OBJECT.format("float", "TABLE", "TABLE")),
}


def object_rows(bill: Bill, view: str) -> list[Row]:
    """Return the rows of one serverless view; some give credits as text, as the vendor does."""
    service, prefix, columns = OBJECT_VIEWS[view]
    return [row for line in bill.lines if line.service == service for row in _object_row(line, prefix, columns.names)]


def _object_row(line: Line, prefix: str, names: list[str]) -> Iterator[Row]:
    database, schema_name, name = parts(line)
    values = {
        "START_TIME": utc(line.start),
        "END_TIME": utc(line.end),
        "CREDITS_USED": line.credits,
        f"{prefix}_ID": line.thing.id,
        f"{prefix}_NAME": line.thing.name if prefix == "PIPE" else name,
        "DATABASE_NAME": database,
        "SCHEMA_NAME": schema_name,
        "BYTES_BILLED": int(line.credits / Decimal("0.0037") * 2**30),
        "VERSION": "CLASSIC",
        "INDEX_TYPE": "SEARCH OPTIMIZATION",
        "FUNCTION_NAME": line.thing.name,
        "MODEL_NAME": "claude-sonnet-4-5",
        "QUERY_ID": line.query_id,
        "WAREHOUSE_ID": line.thing.id if prefix == "WAREHOUSE" else 2,
        "CREDITS": line.credits,
        "IS_COMPLETED": True,
    }
    row = {key: value for key, value in values.items() if key in names}
    if prefix in ("TASK", "TABLE") and line.service != "AUTO_CLUSTERING":
        row["CREDITS_USED"] = f"{line.credits:f}"
    yield row


def parts(line: Line) -> tuple[str | None, str | None, str]:
    """Return database, schema and name of a line's object; what has a name alone has neither."""
    first, _, rest = line.thing.name.partition(".")
    middle, _, last = rest.partition(".")
    return (first, middle, last) if last else (None, None, line.thing.name)
