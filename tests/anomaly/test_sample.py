"""The made-up month: each planted cause is found and named, and nothing else is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from costlens.anomaly import detect, watch
from costlens.anomaly.store import act, anomalies
from costlens.commands import main
from costlens.config import load_config
from costlens.ledger import Ledger
from costlens.settings.anomalies import Settings
from tests import shared

AT = datetime(2026, 11, 12, 6, tzinfo=timezone.utc)
REBUILT = "content/artist_daily_streams"


def said(*words: str) -> str:
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared.demo(tmp_path_factory)[0]


@pytest.fixture
def ledger(config: Path) -> Iterator[Ledger]:
    root = load_config(config).root
    with Ledger.open(root.lake, root.database) as opened:
        yield opened


def test_what_was_planted_is_found_and_nothing_else(ledger: Ledger) -> None:
    snapshot = ledger.snapshot()
    found = detect(ledger, snapshot, Settings(), snapshot.as_of)
    told = {(one.kind, one.key): one for one in found}
    assert set(told) == {
        ("asset", REBUILT),  # a merge became a full rebuild with commit 9f3c2ab
        ("asset", "catalog/listener_vectors"),  # ran on a larger warehouse for 22 minutes, and more often
        ("user", "ALEX.MORENO"),  # a cross join that ran for days
        ("user", "ATLAN_SVC"),  # a catalogue crawler that never came before
        ("pool", "LEGACY_WH"),  # a warehouse that somebody forgot to switch off
    }
    rebuilt = told["asset", REBUILT]
    assert (rebuilt.form, rebuilt.first_day, rebuilt.team) == ("shift", date(2026, 10, 19), "content")
    assert not rebuilt.is_over
    assert 2_000 < rebuilt.per_month < 3_500


def test_an_explanation_adds_up_and_names_the_statement(ledger: Ledger) -> None:
    snapshot = ledger.snapshot()
    found = {one.key: one for one in detect(ledger, snapshot, Settings(), snapshot.as_of)}
    told = found[REBUILT].explanation
    assert told is not None
    change = Decimal(told["after"]) - Decimal(told["before"])
    assert sum(Decimal(one["amount"]) for one in told["drivers"]) == change
    for name in ("assets", "users", "pools"):
        parts = sum(Decimal(part["change"]) for part in told[name]["parts"])
        assert parts + Decimal(told[name]["rest"]) == change
    assert told["drivers"][0]["driver"] == "seconds per run"
    statement = told["assets"]["parts"][0]["parts"][0]
    assert "artist_daily_streams" in statement["text"]
    assert statement["replaces_shape"]
    assert statement["queries"][0]["user"] == "DBT_PROD_SVC"
    code = told["origin"]["code"]
    assert code["code_ref"] == "models/content/artist_daily_streams.sql"
    assert (code["code_version"], code["code_version_before"]) == ("9f3c2ab", "51d07e4")
    assert code["first_day"] == "2026-10-19"
    assert ("team", "content") in {(one["kind"], one["key"]) for one in told["also"]}


def test_who_ran_away_is_named(ledger: Ledger) -> None:
    snapshot = ledger.snapshot()
    found = {one.key: one.explanation or {} for one in detect(ledger, snapshot, Settings(), snapshot.as_of)}
    assert ("pool", "RESEARCH_WH") in {(one["kind"], one["key"]) for one in found["ALEX.MORENO"]["also"]}
    assert "all_pairs" in found["ALEX.MORENO"]["assets"]["parts"][0]["parts"][0]["text"]
    assert ("team", "platform") in {(one["kind"], one["key"]) for one in found["ATLAN_SVC"]["also"]}


def test_watching_again_changes_nothing_and_keeps_what_people_did(ledger: Ledger) -> None:
    snapshot = ledger.snapshot()
    watch(ledger, snapshot, Settings(), snapshot.as_of, AT)  # the demo may have done so already
    assert len(anomalies(ledger.database)) == 5
    (rebuilt,) = anomalies(ledger.database, asset=REBUILT)
    act(ledger.database, rebuilt.id, "acknowledge", who="ann", at=AT)
    again = watch(ledger, snapshot, Settings(), snapshot.as_of, AT)
    assert (again.new, again.changed, again.resolved) == ((), (), ())
    assert [one.status for one in anomalies(ledger.database, asset=REBUILT)] == ["acknowledged"]


def test_a_muted_key_is_not_told(ledger: Ledger) -> None:
    snapshot = ledger.snapshot()
    settings = Settings(muted=["user:A*", "pool:LEGACY_*"])
    assert {one.kind for one in detect(ledger, snapshot, settings, snapshot.as_of)} == {"asset"}


def test_the_past_is_told_as_it_was_told_then(ledger: Ledger) -> None:
    """On the morning after its first day the rebuild is a spike, found with what was known by then."""
    snapshot = ledger.snapshot()
    then = detect(ledger, snapshot, Settings(), datetime(2026, 10, 20, 6, tzinfo=timezone.utc))
    (rebuilt,) = [one for one in then if one.key == REBUILT]
    assert (rebuilt.first_day, rebuilt.is_over) == (date(2026, 10, 19), False)
    assert rebuilt.actual > 3 * rebuilt.expected


def test_the_commands_list_and_explain(config: Path) -> None:
    listed = json.loads(said("anomalies", "--config", str(config), "--asset", REBUILT, "--json"))
    assert [(one["kind"], one["form"], one["team"]) for one in listed] == [("asset", "shift", "content")]
    text = said("anomalies", "--config", str(config), "--team", "content")
    assert f"shift of asset {REBUILT}" in text
    explained = said("explain", "--config", str(config), listed[0]["id"][:8])
    assert "seconds per run" in explained
    assert said("anomalies", "--config", str(config), "--until", "2026-10-01").strip() == "no anomalies"


@pytest.mark.parametrize(
    "words",
    [
        ("--asset", REBUILT, "--from", "2026-10-12..2026-10-18", "--to", "2026-10-19..2026-10-25"),
        ("--month", "2026-10"),
        ("--team", "content", "--from", "2026-10-05", "--to", "2026-10-19..2026-10-20"),
        ("--source", "encore-analytics", "--month", "2026-10"),
    ],
)
def test_any_two_periods_are_explained_to_the_last_digit(config: Path, words: tuple[str, ...]) -> None:
    told = json.loads(said("explain", "--config", str(config), *words, "--json"))
    for one in told["explanations"]:
        change = Decimal(one["after"]) - Decimal(one["before"])
        assert change == Decimal(one["change"])
        assert sum(Decimal(driver["amount"]) for driver in one["drivers"]) == change
    assert said("explain", "--config", str(config), *words)


def test_the_bill_explained_is_the_bill(config: Path) -> None:
    told: dict[str, Any] = json.loads(said("explain", "--config", str(config), "--month", "2026-10", "--json"))
    report = json.loads(said("report", "--config", str(config), "--month", "2026-10", "--format", "json"))
    assert Decimal(told["explanations"][0]["after"]).quantize(Decimal("0.01")) == Decimal("38081.28")
    assert "38081.28" in json.dumps(report)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--month", "2026-13"), "is no month"),
        (("--from", "2026-10-01", "--to", "soon"), "is no period"),
        (("--from", "2026-10-01"), "wanted together"),
        ((), "name an anomaly"),
        (("nothing",), "no anomaly"),
        (("--asset", "none", "--month", "2026-10"), "no charges of asset none"),
        (("--from", "2026-10", "--to", "2026-10-31"), "share days"),
    ],
)
def test_what_cannot_be_explained_is_told_in_one_line(config: Path, words: tuple[str, ...], message: str) -> None:
    done = CliRunner().invoke(main, ["explain", "--config", str(config), *words])
    assert done.exit_code == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
