"""The views that list queries: QUERY_HISTORY, QUERY_ATTRIBUTION_HISTORY, QUERY_METERING_HISTORY, SESSIONS, events."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator

from costlens_sample.generate.account import Account
from costlens_sample.generate.clock import SECOND, utc
from costlens_sample.generate.company import PEOPLE
from costlens_sample.generate.files import Row, schema
from costlens_sample.generate.pools import Execution

QUERY_HISTORY = schema("""
QUERY_ID text
QUERY_TEXT text
DATABASE_ID int
DATABASE_NAME text
SCHEMA_ID int
SCHEMA_NAME text
QUERY_TYPE text
SESSION_ID int
USER_NAME text
ROLE_NAME text
ROLE_TYPE text
USER_TYPE text
WAREHOUSE_ID int
WAREHOUSE_NAME text
WAREHOUSE_SIZE text
WAREHOUSE_TYPE text
CLUSTER_NUMBER int
QUERY_TAG text
EXECUTION_STATUS text
ERROR_CODE text
ERROR_MESSAGE text
START_TIME time
END_TIME time
TOTAL_ELAPSED_TIME int
COMPILATION_TIME int
EXECUTION_TIME int
QUEUED_PROVISIONING_TIME int
QUEUED_REPAIR_TIME int
QUEUED_OVERLOAD_TIME int
TRANSACTION_BLOCKED_TIME int
LIST_EXTERNAL_FILES_TIME int
CHILD_QUERIES_WAIT_TIME int
QUERY_RETRY_TIME int
FAULT_HANDLING_TIME int
BYTES_SCANNED int
BYTES_WRITTEN int
BYTES_WRITTEN_TO_RESULT int
BYTES_SPILLED_TO_LOCAL_STORAGE int
BYTES_SPILLED_TO_REMOTE_STORAGE int
PERCENTAGE_SCANNED_FROM_CACHE float
PARTITIONS_SCANNED int
PARTITIONS_TOTAL int
ROWS_INSERTED int
ROWS_UPDATED int
ROWS_DELETED int
ROWS_UNLOADED int
ROWS_WRITTEN_TO_RESULT int
OUTBOUND_DATA_TRANSFER_BYTES int
INBOUND_DATA_TRANSFER_BYTES int
CREDITS_USED_CLOUD_SERVICES credits
QUERY_LOAD_PERCENT int
IS_CLIENT_GENERATED_STATEMENT bool
QUERY_ACCELERATION_BYTES_SCANNED int
TRANSACTION_ID int
QUERY_PARAMETERIZED_HASH text
QUERY_PARAMETERIZED_HASH_VERSION int
""")

QUERY_ATTRIBUTION_HISTORY = schema("""
QUERY_ID text
PARENT_QUERY_ID text
ROOT_QUERY_ID text
WAREHOUSE_ID int
WAREHOUSE_NAME text
QUERY_PARAMETERIZED_HASH text
QUERY_TAG text
USER_NAME text
START_TIME time
END_TIME time
CREDITS_ATTRIBUTED_COMPUTE float
CREDITS_USED_QUERY_ACCELERATION float
""")

QUERY_METERING_HISTORY = schema("""
QUERY_ID text
WAREHOUSE_ID int
WAREHOUSE_NAME text
QUERY_METERING_HOUR time
QUERY_START_TIME time
QUERY_END_TIME time
PARENT_QUERY_ID text
ROOT_QUERY_ID text
USER_ID int
USER_NAME text
ROLE_NAME text
QUERY_PARAMETERIZED_HASH text
QUERY_TAG text
CREDITS_USED_COMPUTE credits
CREDITS_USED_CLOUD_SERVICES credits
CREDITS_USED credits
""")

SESSIONS = schema("""
SESSION_ID int
CREATED_ON time
USER_NAME text
AUTHENTICATION_METHOD text
CLIENT_APPLICATION_VERSION text
CLIENT_APPLICATION_ID text
CLIENT_ENVIRONMENT text
""")

WAREHOUSE_EVENTS_HISTORY = schema("""
TIMESTAMP time
WAREHOUSE_ID int
WAREHOUSE_NAME text
CLUSTER_NUMBER int
EVENT_NAME text
EVENT_REASON text
EVENT_STATE text
USER_NAME text
ROLE_NAME text
QUERY_ID text
SIZE text
CLUSTER_COUNT text
WAREHOUSE_TYPE text
RESOURCE_CONSTRAINT text
""")

#: Snowflake lists no statement of about this execution time or less in QUERY_ATTRIBUTION_HISTORY.
SHORTEST_MS = 100

#: Ids of databases and schemas: the place in this list.
_DATABASES = ("ANALYTICS", "RAW", "ML", "ANALYTICS_CI", "ANALYTICS_DEV", "SNOWFLAKE", "ATLAN")
_PEOPLE = {user for users in PEOPLE.values() for user in users}

_LITERAL = re.compile(r"'[^']*'|\b\d[\d.]*\b")
_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)


def parameterized_hash(text: str) -> str:
    """Return a hash that texts share which differ in case, white space, comments and literals alone."""
    plain = " ".join(_LITERAL.sub("?", _COMMENT.sub("", text)).lower().split())
    return hashlib.blake2b(plain.encode(), digest_size=16).hexdigest()


def query_history(account: Account) -> list[Row]:
    """Return one row per statement, by end; with the rows that a second, overlapping export wrote twice."""
    rows = sorted((_query(e, account) for e in account.executions), key=lambda r: (r["END_TIME"], r["QUERY_ID"]))
    return [*rows, *rows[6_000:6_025]]


def _query(e: Execution, account: Account) -> dict[str, object]:
    s = e.statement
    code, message = s.error or (None, None)
    queue = e.queued_provisioning + e.queued_overload
    return {
        "QUERY_ID": e.query_id,
        "QUERY_TEXT": s.text,
        "DATABASE_ID": _DATABASES.index(s.database) + 1 if s.database else None,
        "DATABASE_NAME": s.database,
        "SCHEMA_NAME": s.schema,
        "QUERY_TYPE": s.type,
        "SESSION_ID": account.sessions[s.session],
        "USER_NAME": s.client.user,
        "ROLE_NAME": s.client.role,
        "ROLE_TYPE": "ROLE",
        "USER_TYPE": "PERSON" if s.client.user in _PEOPLE else "SERVICE",
        "WAREHOUSE_ID": e.warehouse.id if e.warehouse else None,
        "WAREHOUSE_NAME": e.warehouse.name if e.warehouse else None,
        "WAREHOUSE_SIZE": e.size,
        "WAREHOUSE_TYPE": e.warehouse.kind if e.warehouse else None,
        "CLUSTER_NUMBER": e.cluster,
        "QUERY_TAG": s.tag,
        "EXECUTION_STATUS": "FAIL" if s.error else "SUCCESS",
        "ERROR_CODE": code,
        "ERROR_MESSAGE": message,
        "START_TIME": utc(e.submitted),
        "END_TIME": utc(e.ended),
        "TOTAL_ELAPSED_TIME": e.ended - e.submitted,
        "COMPILATION_TIME": e.started - e.submitted - queue,
        "EXECUTION_TIME": e.milliseconds,
        "QUEUED_PROVISIONING_TIME": e.queued_provisioning,
        "QUEUED_REPAIR_TIME": 0,
        "QUEUED_OVERLOAD_TIME": e.queued_overload,
        "TRANSACTION_BLOCKED_TIME": 0,
        "LIST_EXTERNAL_FILES_TIME": 0,
        "CHILD_QUERIES_WAIT_TIME": 0,
        "QUERY_RETRY_TIME": 0,
        "FAULT_HANDLING_TIME": 0,
        "BYTES_SCANNED": s.bytes_scanned,
        "BYTES_SPILLED_TO_LOCAL_STORAGE": s.bytes_spilled,
        "BYTES_SPILLED_TO_REMOTE_STORAGE": 0,
        "ROWS_INSERTED": s.rows_inserted,
        "CREDITS_USED_CLOUD_SERVICES": s.overhead,
        "IS_CLIENT_GENERATED_STATEMENT": s.is_client_generated,
        "TRANSACTION_ID": s.transaction,
        "QUERY_PARAMETERIZED_HASH": parameterized_hash(s.text),
        "QUERY_PARAMETERIZED_HASH_VERSION": 1,
    }


def query_attribution_history(account: Account) -> list[Row]:
    """Return one row per query that ran for more than 100 ms on a warehouse with a size, without idle time."""
    rows = [
        _attribution(e) for e in account.executions if e.size and e.size != "ADAPTIVE" and e.milliseconds > SHORTEST_MS
    ]
    return [*rows, *rows[4_000:4_005]]


def _attribution(e: Execution) -> Row:
    assert e.warehouse
    parent = e.parent.query_id if e.parent else None
    return {
        "QUERY_ID": e.query_id,
        "PARENT_QUERY_ID": parent,
        "ROOT_QUERY_ID": parent,
        "WAREHOUSE_ID": e.warehouse.id,
        "WAREHOUSE_NAME": e.warehouse.name,
        "QUERY_PARAMETERIZED_HASH": parameterized_hash(e.statement.text),
        "QUERY_TAG": e.statement.tag,
        "USER_NAME": e.statement.client.user,
        "START_TIME": utc(e.started),
        "END_TIME": utc(e.ended),
        "CREDITS_ATTRIBUTED_COMPUTE": round(sum(e.credits.values()), 9),
        "CREDITS_USED_QUERY_ACCELERATION": round(e.statement.acceleration, 9) or None,
    }


def query_metering_history(account: Account) -> list[Row]:
    """Return one row per query and hour on the adaptive warehouse."""
    rows: list[Row] = []
    for e in account.executions:
        if e.size != "ADAPTIVE" or not e.warehouse:
            continue
        last = max(e.credits)
        for hour, units in sorted(e.credits.items()):
            overhead = e.statement.overhead if hour == last else 0.0
            compute = round(units, 9)
            rows.append(
                {
                    "QUERY_ID": e.query_id,
                    "WAREHOUSE_ID": e.warehouse.id,
                    "WAREHOUSE_NAME": e.warehouse.name,
                    "QUERY_METERING_HOUR": utc(hour),
                    "QUERY_START_TIME": utc(e.started),
                    "QUERY_END_TIME": utc(e.ended),
                    "USER_NAME": e.statement.client.user,
                    "ROLE_NAME": e.statement.client.role,
                    "QUERY_PARAMETERIZED_HASH": parameterized_hash(e.statement.text),
                    "QUERY_TAG": e.statement.tag,
                    "CREDITS_USED_COMPUTE": compute,
                    "CREDITS_USED_CLOUD_SERVICES": overhead,
                    "CREDITS_USED": compute + overhead,
                }
            )
    return rows


def sessions(account: Account) -> list[Row]:
    """Return one row per session, opened a second before its first statement."""
    rows: dict[str, Row] = {}
    for e in account.executions:
        s = e.statement
        if s.session in rows:
            continue
        environment = {"APPLICATION": s.client.application, "OS": "Linux"}
        rows[s.session] = {
            "SESSION_ID": account.sessions[s.session],
            "CREATED_ON": utc(e.submitted - SECOND),
            "USER_NAME": s.client.user,
            "AUTHENTICATION_METHOD": "OAUTH" if s.client.user in _PEOPLE else "RSA_KEYPAIR",
            "CLIENT_APPLICATION_VERSION": s.client.driver.rpartition(" ")[2],
            "CLIENT_APPLICATION_ID": s.client.driver,
            "CLIENT_ENVIRONMENT": json.dumps(environment),
        }
    return list(rows.values())


def warehouse_events_history(account: Account) -> list[Row]:
    """Return every change of a warehouse's state; size and number of clusters on WAREHOUSE_CONSISTENT rows only.

    Of changes that share an instant, the last one says what the warehouse came to.
    """
    key = ("TIMESTAMP", "WAREHOUSE_ID", "EVENT_NAME", "CLUSTER_NUMBER")
    last = {tuple(row[name] for name in key): row for row in _events(account)}
    return sorted(last.values(), key=lambda row: (row["TIMESTAMP"], row["WAREHOUSE_ID"]))


def _events(account: Account) -> Iterator[Row]:
    for pool in account.pools:
        for event in pool.events:
            is_consistent = event.name == "WAREHOUSE_CONSISTENT"
            yield {
                "TIMESTAMP": utc(event.at),
                "WAREHOUSE_ID": pool.warehouse.id,
                "WAREHOUSE_NAME": pool.warehouse.name,
                "CLUSTER_NUMBER": event.cluster,
                "EVENT_NAME": event.name,
                "EVENT_REASON": event.reason or None,
                "EVENT_STATE": "COMPLETED" if is_consistent else "STARTED",
                "SIZE": event.size if is_consistent else None,
                "CLUSTER_COUNT": str(event.clusters) if is_consistent else None,
                "WAREHOUSE_TYPE": pool.warehouse.kind if is_consistent else None,
                "RESOURCE_CONSTRAINT": "STANDARD_GEN_1" if is_consistent else None,
            }
