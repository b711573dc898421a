"""A sync from exports to charges, on four days of the sample company."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import duckdb
import pytest

from costlens.errors import UsageError
from tests.sync.conftest import Company, copy_view, small_export, unbalanced


def test_every_pool_hour_adds_up_and_a_second_sync_changes_nothing(company: Company) -> None:
    first = company.sync()
    charges = company.charges()
    assert first.days_priced >= 4
    with company.ledger() as ledger:
        assert not unbalanced(ledger, ledger.snapshot())
    again = company.sync()
    assert (again.days_priced, sum(again.rows.values())) == (0, 0)
    assert company.charges() == charges


def test_daily_holds_what_the_charges_hold(synced: Company) -> None:
    by_day = "select day, currency, sum(cost)::varchar from {} group by all order by all"
    charged, summed = synced.sql(by_day.format("charges")), synced.sql(by_day.format("daily"))
    assert len(charged) == len(summed)
    for mine, theirs in zip(charged, summed, strict=True):
        assert abs(Decimal(mine[2]) - Decimal(theirs[2])) < Decimal("1e-6")


def test_a_restated_hour_prices_its_day_again_and_no_other(synced: Company) -> None:
    before = {
        row[0]: row[1:] for row in synced.sql("select day, sum(cost)::varchar, max(pool) from charges group by day")
    }
    view = synced.folder / "export" / "warehouse_metering_history.parquet"
    other = view.with_name("other.parquet")
    with duckdb.connect() as connection:
        connection.execute(
            f"""copy (select * replace (case when start_time::varchar like '2026-10-02 10%' then credits_used_compute * 2
                else credits_used_compute end as credits_used_compute) from '{view}') to '{other}'"""
        )
    other.replace(view)
    done = synced.sync()
    after = {
        row[0]: row[1:] for row in synced.sql("select day, sum(cost)::varchar, max(pool) from charges group by day")
    }
    assert 1 <= done.days_priced <= 3  # its day, and the days of queries that touch it
    assert before.keys() == after.keys()
    with synced.ledger() as ledger:
        assert not unbalanced(ledger, ledger.snapshot())


def test_rows_that_went_away_go_from_the_ledger(synced: Company) -> None:
    view = synced.folder / "export" / "query_history.parquet"
    gone = synced.sql("select query_id from queries where day = '2026-10-02' order by query_id limit 1")[0][0]
    with duckdb.connect() as connection:
        connection.execute(f"copy (select * from '{view}' where query_id != '{gone}') to '{view}.new' (format parquet)")
    shutil.move(f"{view}.new", view)
    synced.sync()
    assert not synced.sql(f"select query_id from queries where query_id = '{gone}'")


def test_a_file_that_is_added_is_read_without_reading_all_again(company: Company) -> None:
    """An export that grows by parts: only the days that the new part holds are compared."""
    export = company.folder / "export"
    for view, column in (("query_history", "end_time"), ("query_attribution_history", "end_time")):
        whole = export / f"{view}.parquet"
        (export / view).mkdir()
        copy_view(whole, export / view / "1.parquet", column, "{t} < '2026-10-04'")
        copy_view(whole, company.folder / f"{view}-2.parquet", column, "{t} >= '2026-10-04'")
        whole.unlink()
    first = company.sync()
    for view in ("query_history", "query_attribution_history"):
        shutil.move(company.folder / f"{view}-2.parquet", export / view / "2.parquet")
    second = company.sync()
    assert 0 < second.rows["queries"] < first.rows["queries"]
    in_parts = company.charges()
    shutil.rmtree(company.folder / "lake")
    (company.folder / "costlens.db").unlink()
    company.sync()
    assert company.charges() == in_parts


def test_statuses_turn_final_with_time_though_no_fact_changed(company: Company) -> None:
    early = datetime(2026, 10, 5, 12, tzinfo=timezone.utc)
    company.sync(as_of=early)
    assert {row[0] for row in company.sql("select distinct status from charges")} >= {"provisional"}
    company.sync(as_of=early + timedelta(days=60))
    late = company.charges()
    assert {row[0] for row in company.sql("select distinct status from charges where currency = 'USD'")} <= {
        "final",
        "estimated",
    }
    shutil.rmtree(company.folder / "lake")
    (company.folder / "costlens.db").unlink()
    company.sync(as_of=early + timedelta(days=60))
    assert company.charges() == late


def test_a_configured_price_that_changes_prices_all_days_again(company: Company) -> None:
    for name in ("rate_sheet_daily", "usage_in_currency_daily"):
        (company.folder / "export" / f"{name}.parquet").unlink()
    company.sync()
    compute = "select sum(cost)::varchar from charges where service = 'WAREHOUSE_METERING' and status != 'estimated'"
    cheap = Decimal(company.sql(compute)[0][0])
    company.path.write_text(company.path.read_text().replace("2.85", "5.70"))
    company.sync()
    assert abs(Decimal(company.sql(compute)[0][0]) - 2 * cheap) < Decimal("1e-6")


def test_a_service_without_a_price_is_told(company: Company) -> None:
    for name in ("rate_sheet_daily", "usage_in_currency_daily"):
        (company.folder / "export" / f"{name}.parquet").unlink()
    company.path.write_text(company.path.read_text().replace(", rates: {compute: 2.85, currency: USD}", ""))
    done = company.sync()
    with company.ledger() as ledger:
        told = {problem.reason for problem in ledger.problems()}
    assert {f"no price for {name}" for name in done.unpriced} <= told


def test_sql_takes_one_select(synced: Company) -> None:
    for wrong in ("drop table charges", "select 1; select 2", "selec 1", "select nothing from charges"):
        with pytest.raises(UsageError) as caught:
            synced.sql(wrong)
        assert "\n" not in str(caught.value)


def test_nothing_of_a_text_is_written(company: Company) -> None:
    """Literals of queries, tags and comments are searched for in every file that a sync leaves."""
    export = company.folder / "export" / "query_history.parquet"
    secret = "plantedsecret4711"
    with duckdb.connect() as connection:
        connection.execute(
            f"""copy (select * replace (
                query_text || ' and x = ''{secret}'' /* {secret} */ -- {secret}' as query_text,
                case when query_tag is null or query_tag = '' then 'note {secret}' else query_tag end as query_tag
            ) from '{export}') to '{export}.new' (format parquet)"""
        )
    shutil.move(f"{export}.new", export)
    company.sync()
    assert company.sql("select count(*) from queries")[0][0] > 500
    kept = [company.folder / "costlens.db", *(company.folder / "lake").rglob("*.parquet")]
    with duckdb.connect() as connection:
        for path in kept[1:]:
            text = connection.execute(
                f"select count(*) from '{path}' as t where t::varchar like '%{secret}%'"
            ).fetchone()
            assert text == (0,), path
    assert secret.encode() not in kept[0].read_bytes()


def test_the_parts_of_the_sample_are_the_whole(tmp_path_factory: pytest.TempPathFactory) -> None:
    export = small_export(tmp_path_factory.mktemp("export"))
    with duckdb.connect() as connection:
        row = connection.execute(f"select count(*) from '{export}/query_history.parquet'").fetchone()
    assert row is not None
    assert row[0] > 500
