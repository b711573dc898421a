"""Our FOCUS files conform and add up; the checker finds what is wrong in them, and in other vendors' files."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from costlens.commands import main
from costlens.config import Config
from costlens.errors import UsageError
from costlens.focus.checking import check_file
from costlens.focus.columns import COLUMNS, CURRENCIES, SERVICE_CATEGORIES, SUBCATEGORIES
from costlens.focus.mapping import UNITS, host_of, provider, unit_of
from costlens.focus.printing import printed_focus
from costlens.focus.rules import every_rule
from costlens.ledger import Ledger
from costlens.settings.statements import Account
from costlens.statement.asked import Asked
from costlens.statement.close import close
from tests.statement import company

Row = dict[str, str]
SAMPLE = Path(__file__).parent / "data" / "focus_1_0_sample_1000.csv"


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, Ledger]]:
    settings = company.config(tmp_path_factory.mktemp("focus"))
    with company.open_ledger(settings) as ledger:
        made = company.world()
        made.line(30, "4.2", "other", service="Tax", bill_kind="tax")
        made.line(30, "-2", "adjustment", service="Rebate", bill_kind="credit")
        company.write(ledger, made)
        yield settings, ledger


@pytest.fixture(scope="module")
def text(books: tuple[Config, Ledger]) -> str:
    return printed_focus(*books, Asked("2026-10", form="focus")).decode()


def rows_of(text: str) -> list[Row]:
    return list(csv.DictReader(io.StringIO(text)))


def written(folder: Path, rows: list[Row]) -> Path:
    path = folder / "focus.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_the_columns_are_those_of_each_version() -> None:
    counts = [sum(column.since <= version for column in COLUMNS) for version in ("1.0", "1.1", "1.2", "1.3")]
    assert counts == [43, 50, 57, 64]
    first = [column.name for column in COLUMNS if column.since <= "1.2"]
    assert first == sorted(first)
    assert set(SUBCATEGORIES.values()) <= set(SERVICE_CATEGORIES)
    assert {"USD", "EUR", "JPY", "CHF"} <= CURRENCIES
    assert len({rule.id for rule in every_rule()}) == len(every_rule()) >= 60


def test_our_file_conforms_and_adds_up_to_the_last_digit(
    books: tuple[Config, Ledger], text: str, tmp_path: Path
) -> None:
    rows = rows_of(text)
    assert list(rows[0])[: len(COLUMNS)] == [column.name for column in COLUMNS]
    path = tmp_path / "focus.csv"
    path.write_text(text, encoding="utf-8")
    done = check_file(path)
    assert (done.version, done.conforms, done.faults) == ("1.3", True, ())
    for currency, month in (("USD", company.total(company.world()) + Decimal("2.2")), ("EUR", Decimal("12.345"))):
        for column in ("BilledCost", "EffectiveCost", "ContractedCost"):
            assert sum(Decimal(row[column]) for row in rows if row["BillingCurrency"] == currency) == month
    parquet = tmp_path / "focus.parquet"
    parquet.write_bytes(printed_focus(*books, Asked("2026-10", form="focus", suffix=".parquet")))
    assert check_file(parquet).faults == ()
    table = pq.read_table(parquet)
    assert sum(table.column("BilledCost").to_pylist()) == sum(Decimal(row["BilledCost"]) for row in rows)
    assert str(table.schema.field("ChargePeriodStart").type).startswith("timestamp")


def test_each_origin_is_allocated_once_and_whole(text: str) -> None:
    shares: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows_of(text):
        element = json.loads(row["AllocatedMethodDetails"], parse_float=Decimal)["Elements"][0]
        shares[row["x_OriginId"]] += Decimal(element["AllocatedRatio"])
    assert {share.quantize(Decimal("1e-9")) for share in shares.values()} == {Decimal(1)}


def test_rows_say_what_was_charged_and_whose_it_became(text: str) -> None:
    rows = rows_of(text)
    categories = {(row["ServiceName"], row["ChargeCategory"]) for row in rows}
    assert {("Tax", "Tax"), ("Rebate", "Credit"), ("WAREHOUSE", "Usage"), ("WAREHOUSE", "Adjustment")} <= categories
    shared = [row for row in rows if row["x_OriginTeam"] == "platform"]
    assert {row["AllocatedMethodId"] for row in shared} == {"platform: proportional"}
    assert {row["x_Team"] for row in shared} >= {"growth", "sales"}
    assert {row["x_CostCenter"] for row in rows if row["x_Team"] == "sales"} == {"'=CC-2"}  # safe in a spreadsheet
    assert {row["ProviderName"] for row in rows} == {"Snowflake", "Google Cloud"}
    google = [row for row in rows if row["ProviderName"] == "Google Cloud"]
    assert {(row["BillingPeriodStart"], row["BillingPeriodEnd"]) for row in google} == {
        ("2026-10-01T07:00:00Z", "2026-11-01T07:00:00Z")  # Pacific midnight
    }
    assert not [value for row in rows for value in row.values() if value.startswith(("=", "+", "@"))]


def test_corrections_are_of_the_closed_month_and_on_the_open_months_bill(tmp_path: Path) -> None:
    settings = company.config(tmp_path)
    with company.open_ledger(settings) as ledger:
        company.write(ledger, company.world())
        close(settings, ledger, "2026-09", who="finance", at=company.AS_OF + timedelta(days=1))
        made = company.world()
        made.query(-100, "5.5", "a/growth", billing_period="2026-09")
        company.write(ledger, made)
        text = printed_focus(settings, ledger, Asked("2026-10", form="focus")).decode()
        corrected = [row for row in rows_of(text) if row["ChargeClass"] == "Correction"]
        assert sum(Decimal(row["BilledCost"]) for row in corrected) == Decimal("5.5")
        assert {
            (row["ChargePeriodStart"], row["BillingPeriodStart"], row["x_CorrectedMonth"]) for row in corrected
        } == {("2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z", "2026-09")}
        path = tmp_path / "focus.csv"
        path.write_text(text, encoding="utf-8")
        assert check_file(path).faults == ()
        team = printed_focus(settings, ledger, Asked("2026-10", "growth", form="focus")).decode()
        assert {row["x_Team"] for row in rows_of(team)} == {"growth"}


def _set(column: str, value: str) -> Callable[[list[Row]], None]:
    def change(rows: list[Row]) -> None:
        rows[0][column] = value

    return change


def _all(column: str, value: str) -> Callable[[list[Row]], None]:
    def change(rows: list[Row]) -> None:
        for row in rows:
            row[column] = value

    return change


def _without_a_part(rows: list[Row]) -> None:
    rows.pop(next(n for n, row in enumerate(rows) if ":1.0," not in row["AllocatedMethodDetails"]))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (_set("BilledCost", ""), "BilledCost-null"),
        (_set("BilledCost", "1,234.5"), "BilledCost-decimal"),
        (_set("BilledCost", "+1"), "BilledCost-decimal"),
        (_set("BilledCost", "USD 3"), "BilledCost-decimal"),
        (_set("BillingCurrency", "US$"), "BillingCurrency-iso4217"),
        (_set("ChargeCategory", "Charge"), "ChargeCategory-value"),
        (_set("ServiceCategory", "Warehouses"), "ServiceCategory-value"),
        (_set("ServiceCategory", "Web"), "ServiceSubcategory-parent"),
        (_set("ChargePeriodStart", "2026-10-01"), "ChargePeriodStart-instant"),
        (_set("ChargePeriodStart", "2026-10-01T00:00:00+02:00"), "ChargePeriodStart-instant"),
        (_set("ChargePeriodEnd", "2026-09-30T00:00:00Z"), "ChargePeriod-order"),
        (_set("ChargePeriodStart", "2026-12-01T00:00:00Z"), "ChargePeriod-billing"),
        (_set("Tags", "{not json"), "Tags-json"),
        (_set("Tags", "[1]"), "Tags-json"),
        (_set("Tags", '{"a": {"b": 1}}'), "Tags-flat"),
        (_set("Tags", '{"a": 1, "a": 2}'), "Tags-keys"),
        (_set("PricingUnit", ""), "PricingUnit-both"),
        (_set("ListUnitPrice", "-1"), "ListUnitPrice-negative"),
        (_all("ContractedUnitPrice", "77"), "ContractedCost-product"),
        (_all("ChargeCategory", "Tax"), "ContractedUnitPrice-tax"),
        (_all("ChargeCategory", "Credit"), "ConsumedQuantity-usage"),
        (_all("PricingQuantity", ""), "PricingQuantity-priced"),
        (_all("SkuId", ""), "SkuId-priced"),
        (_all("RegionId", ""), "RegionName-alone"),
        (_all("PricingCurrencyEffectiveCost", "99999"), "PricingCurrencyEffectiveCost-same"),
        (_set("AllocatedMethodDetails", "{}"), "AllocatedMethodDetails-elements"),
        (_all("InvoiceIssuerName", "A Reseller"), "BilledCost-resold"),
        (_set("ChargeClass", "NULL"), "null-written"),
        (_without_a_part, "AllocatedMethodDetails-sum"),
        (lambda rows: [row.pop("BilledCost") for row in rows], "column-mandatory"),
        (lambda rows: [row.update(Id=row.pop("InvoiceId")) for row in rows], "column-unknown"),
    ],
)  # fmt: skip
def test_the_checker_finds(text: str, tmp_path: Path, change: Callable[[list[Row]], Any], rule: str) -> None:
    rows = [row for row in rows_of(text) if row["ChargeCategory"] == "Usage"]
    change(rows)
    faults = check_file(written(tmp_path, rows)).faults
    assert rule in {fault.rule for fault in faults}, faults


def test_a_file_of_version_1_0_is_judged_as_one(tmp_path: Path) -> None:
    """FOCUS' own sample: nulls written as NULL, dates without T and Z, a column that is called Id; later columns are told, not missed."""
    done = check_file(SAMPLE)
    assert (done.version, done.rows, done.conforms) == ("1.0", 1000, False)
    told = {fault.rule: fault for fault in done.faults}
    assert {"null-written", "ChargePeriodStart-instant", "column-unknown", "ListCost-product"} <= told.keys()
    assert told["ChargePeriodStart-instant"].rows == 1000
    assert not [fault for fault in done.faults if fault.rule == "column-mandatory"]
    assert {fault.rule for fault in done.faults if fault.level == "note"} == {
        "version-1.1",
        "version-1.2",
        "version-1.3",
    }
    absent = {fault.column for fault in check_file(SAMPLE, "1.2").faults if fault.rule.startswith("column-")}
    assert {"InvoiceId", "ServiceSubcategory", "PricingCurrency"} <= absent


def test_the_command_says_what_is_wrong_and_where(text: str, tmp_path: Path) -> None:
    rows = rows_of(text)
    rows[1]["ChargeFrequency"] = "Often"
    path = written(tmp_path, rows)
    done = CliRunner().invoke(main, ["check", "--focus", str(path)])
    assert done.exit_code == 1
    assert "ChargeFrequency-value" in done.stdout
    assert "first in row 2 ('Often')" in done.stdout
    body = json.loads(CliRunner().invoke(main, ["check", "--focus", str(path), "--json"]).stdout)
    assert (body["conforms"], body["faults"][0]["first_row"]) == (False, 2)
    assert CliRunner().invoke(main, ["check", "--focus", str(path), "--focus-version", "9"]).exit_code == 1
    with pytest.raises(UsageError, match="no such file"):
        check_file(tmp_path / "nothing.csv")


def test_accounts_hosts_and_units() -> None:
    snowflake = provider("prod", "snowflake", None, "2026-12")
    assert (f"{snowflake.billing_end:%Y-%m-%d}", snowflake.issuer) == ("2027-01-01", "Snowflake")
    assert host_of("AWS_EU_WEST_1", snowflake) == "AWS"
    assert host_of("PUBLIC.AZURE_WESTEUROPE", snowflake) == "Microsoft"
    assert host_of(None, snowflake) == "Snowflake"
    resold = provider("prod", "snowflake", Account(invoice_issuer="A Reseller", host="AWS"), "2026-10")
    assert (resold.issuer, host_of(None, resold)) == ("A Reseller", "AWS")
    assert [unit_of(unit) for unit in ("credits", "slot-hours", "node-hours", None)] == [
        "Credits",
        "Slot-Hours",
        "Node-Hours",
        None,
    ]
    assert all(name[0].isupper() for name in UNITS.values())
