"""Databricks SQL connector 4; run by `tests/tagging/integrations/run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from databricks import sql  # type: ignore[import-not-found]

import costlens
from costlens.tagging.drivers.databricks import read_tags
from tests.tagging.breaking import TRUSTED, Breaker, noticed

if TYPE_CHECKING:
    from tests.tagging.conftest import Matrix, Wire


def connect(wire: Wire, path: str = "/sql/1.0/warehouses/w", **given: Any) -> Any:
    return sql.connect(
        server_hostname="http://localhost",
        _port=wire.port,
        http_path=path,
        access_token="t",
        use_sea=True,
        enable_telemetry=False,
        **given,
    )


def tags(wire: Wire) -> list[dict[str, str | None]]:
    """The query tags of each statement that arrived."""
    found = [body for path, body in wire.requests if path.rstrip("/").endswith("/sql/statements")]
    return [{tag["key"]: tag.get("value") for tag in body.get("query_tags") or []} for body in found]


def test_statements_carry_their_asset_and_the_users_tags(wire: Wire, matrix: Matrix) -> None:
    costlens.instrument()
    with connect(wire, query_tags={"mine": "a:b,c", "bare": None}) as made, costlens.asset("analytics/orders"):
        cursor = made.cursor()
        cursor.execute("select 1", query_tags={"also": "x"})
        cursor.execute_async("select 2")
        cursor.executemany("select ?", [[1], [2]])
    sent = tags(wire)
    assert len(sent) == 4
    for each in sent:
        assert each["cl_a"] == "analytics/orders"
        assert each["mine"] == "a:b,c"
        assert "bare" in each
        assert (each["cl_f"] or "").startswith("tests/tagging/integrations/databricks_4.py:")
    assert sent[0]["also"] == "x"
    matrix("databricks-sql-connector", "execute, execute_async, executemany")


def test_clusters_are_left_alone(wire: Wire, matrix: Matrix) -> None:
    """They know no query tags, and are spoken to by another protocol than the stand-in's: what would be sent is looked at."""
    costlens.instrument()
    with connect(wire) as made, costlens.asset("x"):
        made.session.http_path = "/sql/protocolv1/o/1/0101-abc"
        made.cursor().execute("select 1")
        made.session.http_path = "/sql/1.0/endpoints/abc"
        made.cursor().execute("select 1")
    cluster, warehouse = tags(wire)
    assert cluster == {}
    assert warehouse["cl_a"] == "x"
    matrix("databricks-sql-connector", "on clusters", "no")


def test_tags_set_by_sql_come_first(wire: Wire, matrix: Matrix) -> None:
    costlens.instrument()
    with connect(wire) as made, costlens.asset("x"):
        made.cursor().execute("SET QUERY_TAGS['team'] = 'x'")
        made.cursor().execute("select 1")
    assert tags(wire) == [{}, {}]
    matrix("databricks-sql-connector", "after SET QUERY_TAGS by SQL", "no")


def test_a_fault_of_ours_is_not_noticed(wire: Wire) -> None:
    """As tests/tagging/test_faults.py, which knows no Databricks."""

    def program(breaker: Breaker) -> None:
        wire.requests.clear()
        costlens.instrument()
        with connect(wire, query_tags={"mine": "a"}) as made, costlens.asset("x"):
            breaker.arm()
            made.cursor().execute("select 1")
            breaker.arm()
            made.cursor().execute_async("select 2")
        assert len(tags(wire)) == 2

    entered, felt = noticed(program)
    assert felt == TRUSTED & entered
    assert "databricks._rewriting.rewrite" in entered - felt


def test_reading_tags() -> None:
    assert read_tags(r"a:b\:c\,d\\,e,f:") == {"a": r"b:c,d" + "\\", "e": None, "f": ""}
