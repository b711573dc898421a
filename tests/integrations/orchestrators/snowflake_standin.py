"""Snowflake's wire protocol for orchestrators: sessions with their tags, a catalogue of what was created, results."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.integrations.orchestrators.arrivals import Arrivals, Statement

Answer = tuple[int, dict[str, Any]]
#: SQLSTATE and code of a statement that does not compile.
BROKEN = ("42000", "001003")

_CREATE = re.compile(
    r"^create\s+(?:or\s+replace\s+)?(?:(transient|temporary|temp|dynamic)\s+)?(table|view)\s+(?:if\s+not\s+exists\s+)?([\w.\"]+)",
    re.IGNORECASE,
)
_DROP = re.compile(r"^drop\s+(?:table|view)\s+(?:if\s+exists\s+)?([\w.\"]+)", re.IGNORECASE)
_SCHEMA = re.compile(r"^create\s+schema\s+(?:if\s+not\s+exists\s+)?([\w.\"]+)", re.IGNORECASE)
_SET_TAG = re.compile(r"^alter\s+session\s+set\s+query_tag\s*=\s*'((?:[^']|'')*)'", re.IGNORECASE)
_LEAD = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)


@dataclass
class Session:
    """One login."""

    number: int
    client: dict[str, Any]
    tag: str | None = None


@dataclass
class Snowflake:
    """Answers requests; what it is asked to run goes to `arrivals`."""

    arrivals: Arrivals
    sessions: dict[str, Session] = field(default_factory=dict)
    relations: dict[str, str] = field(default_factory=dict)
    """Upper-case name -> table or view."""
    schemas: set[str] = field(default_factory=set)
    finished: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Answers by query id, for clients that ask later."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        """Drop all that was created."""
        self.relations.clear()
        self.schemas.clear()

    def answer(self, path: str, body: bytes, token: str) -> Answer:
        if path == "/session/v1/login-request":
            return 200, self._login(json.loads(body)["data"])
        if "/api/v2/statements" in path:
            return self._api(path, json.loads(body or b"{}"))
        session = self.sessions.get(token.partition('"')[2].rstrip('"'))
        if path == "/queries/v1/query-request" and session:
            return self._run(json.loads(body), session)
        if path.startswith("/monitoring/queries/"):
            return 200, _done({"queries": [{"id": path.rpartition("/")[2], "status": "SUCCESS"}]})
        if path.startswith("/queries/") and path.endswith("/result"):
            return 200, self.finished[path.split("/")[2]]
        return 200, _done({})

    def _login(self, sent: dict[str, Any]) -> dict[str, Any]:
        given = sent.get("SESSION_PARAMETERS") or {}
        with self._lock:
            number = len(self.sessions) + 1
            self.sessions[f"t{number}"] = Session(number, sent.get("CLIENT_ENVIRONMENT") or {}, given.get("QUERY_TAG"))
        lasting = {"validityInSeconds": 3600, "masterValidityInSeconds": 14_400}
        info = {"databaseName": "SHOP", "schemaName": "PUBLIC", "warehouseName": "LOAD_WH", "roleName": "R"}
        parameters = [{"name": "AUTOCOMMIT", "value": True}, {"name": "TIMEZONE", "value": "UTC"}]
        return _done(
            {
                "token": f"t{number}",
                "masterToken": f"m{number}",
                "sessionId": number,
                "parameters": parameters,
                "sessionInfo": info,
                "displayUserName": "SVC",
                "serverVersion": "9.30.0",
                **lasting,
            }
        )

    def _api(self, path: str, sent: dict[str, Any]) -> Answer:
        """Answer the SQL API: a statement is posted, then asked for by its handle."""
        handle = path.rpartition("/")[2]
        if "statement" in sent:
            handle = self.arrivals.next_id(lambda number: f"01b00000-0000-0000-0000-{number:012}")
            tag = sent["parameters"].get("query_tag")
            self.arrivals.add(Statement("snowflake", handle, sent["statement"], "0", tag, client="SQL API"))
        done = {"code": "090001", "message": "Statement executed successfully.", "sqlState": "00000"}
        return 200, {**done, "statementHandle": handle, "data": [["1"]], "resultSetMetaData": {"rowType": []}}

    def _run(self, sent: dict[str, Any], session: Session) -> Answer:
        text = sent["sqlText"]
        tag = (sent.get("parameters") or {}).get("QUERY_TAG", session.tag)
        faults = self.arrivals.faults
        query_id = self.arrivals.next_id(lambda number: f"01b00000-0000-0000-0000-{number:012}")
        application = str(session.client.get("APPLICATION") or "")
        if faults.is_unavailable(text):
            refused = Statement("snowflake", query_id, text, str(session.number), tag, client=application)
            self.arrivals.refused.append(refused)
            return 503, {}
        faults.wait(text)
        status = "FAIL" if faults.fails(text) else "SUCCESS"
        self.arrivals.add(
            Statement("snowflake", query_id, text, str(session.number), tag, status=status, client=application)
        )
        if status == "FAIL":
            data = {"sqlState": BROKEN[0], "errorCode": BROKEN[1], "queryId": query_id}
            return 200, {"success": False, "code": BROKEN[1], "message": "SQL compilation error: made", "data": data}
        with self._lock:
            names, rows = self._result(text, session)
        done = _done(_rowset(query_id, names, rows, text))
        self.finished[query_id] = done
        return 200, done

    def _result(self, text: str, session: Session) -> tuple[list[str], list[list[Any]]]:
        """Do what the statement does to session and catalogue; return the columns and rows of its answer."""
        lead = _LEAD.match(text)
        sql = text[lead.end() :] if lead else text
        low = " ".join(sql.lower().split())
        if low.startswith(("show", "describe")):
            return self._shown(low, session)
        if "should_warn" in low:
            return ["FAILURES", "SHOULD_WARN", "SHOULD_ERROR"], [[0, False, False]]
        if found := _SET_TAG.match(sql):
            session.tag = found.group(1).replace("''", "'")
        elif low.startswith("alter session unset query_tag"):
            session.tag = None
        elif found := _CREATE.match(sql):
            if (found.group(1) or "").lower() not in {"temporary", "temp"}:
                self.relations[_name(found.group(3))] = found.group(2).lower()
        elif found := _SCHEMA.match(sql):
            self.schemas.add(_name(found.group(1)))
        elif found := _DROP.match(sql):
            self.relations.pop(_name(found.group(1)), None)
        return ["X"], [["9.30.0" if "current_version" in low else 1]]

    def _shown(self, low: str, session: Session) -> tuple[list[str], list[list[Any]]]:
        """Return what is in the catalogue."""
        if low.startswith("show parameters like 'query_tag'"):
            return ["key", "value", "default", "level"], [["QUERY_TAG", session.tag or "", "", "SESSION"]]
        if low.startswith("show terse schemas"):
            names = [name.split(".") for name in sorted(self.schemas)]
            columns = ["created_on", "name", "kind", "database_name", "schema_name"]
            return columns, [["2026-10-01", name[-1], None, name[0], None] for name in names]
        if low.startswith("show objects in"):
            return self._objects(low)
        if low.startswith("show user functions"):
            return ["catalog_name", "schema_name", "name", "is_builtin"], []
        return ["name", "type", "kind", "null?"], [["ID", "NUMBER(38,0)", "COLUMN", "Y"]]

    def _objects(self, low: str) -> tuple[list[str], list[list[Any]]]:
        schema = _name(low.split()[3])
        columns = ["created_on", "name", "database_name", "schema_name", "kind"]
        more = ["is_dynamic", "is_iceberg", "is_interactive"]
        rows = []
        for relation, kind in sorted(self.relations.items()):
            owner, _, name = relation.rpartition(".")
            if owner == schema:
                rows.append(["2026-10-01", name, *owner.split("."), kind.upper(), "N", "N", "N"])
        return [*columns, *more], rows


def _name(text: str) -> str:
    return text.replace('"', "").rstrip(";").upper()


def _rowset(query_id: str, names: list[str], rows: list[list[Any]], text: str) -> dict[str, Any]:
    def column(at: int, name: str) -> dict[str, Any]:
        value = rows[0][at] if rows else ""
        kind = "boolean" if isinstance(value, bool) else "fixed" if isinstance(value, int) else "text"
        plain = {"precision": 38, "scale": 0, "nullable": True, "byteLength": None, "length": None}
        return {"name": name, "type": kind, "database": "", "schema": "", "table": "", **plain}

    shown = [[None if cell is None else _cell(cell) for cell in row] for row in rows]
    return {
        "parameters": [{"name": "TIMEZONE", "value": "UTC"}],
        "rowtype": [column(at, name) for at, name in enumerate(names)],
        "rowset": shown,
        "total": len(rows),
        "returned": len(rows),
        "queryId": query_id,
        "sqlState": "00000",
        "statementTypeId": 4096 if text.lstrip().lower().startswith("select") else 4352,
        "queryResultFormat": "json",
        "finalDatabaseName": "SHOP",
        "finalSchemaName": "PUBLIC",
        "finalWarehouseName": "LOAD_WH",
        "finalRoleName": "R",
        "arrayBindSupported": text.lstrip().lower().startswith("insert"),
        "numberOfBinds": 0,
        "version": 1,
        "progressDesc": None,
        "sendResultTime": 0,
        "databaseProvider": None,
        "getResultUrl": f"/queries/{query_id}/result",
    }


def _cell(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _done(data: dict[str, Any]) -> dict[str, Any]:
    return {"success": True, "code": None, "message": None, "data": data}
