"""Databricks SQL connector 4; run by `tests/tagging/integrations/run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from databricks import sql  # type: ignore[import-not-found]

import costlens
from costlens.tagging.drivers.databricks import read_tags

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


@pytest.mark.parametrize("path", ["/sql/protocolv1/o/1/0101-abc"])
def test_clusters_are_left_alone(path: str) -> None:
    from costlens.tagging.drivers import databricks

    assert databricks._WAREHOUSE.search(path) is None
    assert databricks._WAREHOUSE.search("/sql/1.0/endpoints/abc")


def test_tags_set_by_sql_come_first(wire: Wire) -> None:
    costlens.instrument()
    with connect(wire) as made, costlens.asset("x"):
        made.cursor().execute("SET QUERY_TAGS['team'] = 'x'")
        made.cursor().execute("select 1")
    assert tags(wire) == [{}, {}]


def test_reading_tags() -> None:
    assert read_tags(r"a:b\:c\,d\\,e,f:") == {"a": r"b:c,d" + "\\", "e": None, "f": ""}
