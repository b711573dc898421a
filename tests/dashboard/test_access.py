"""Who may see what, and that what is hidden is on no page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import streamlit as st
from pydantic import SecretStr

from costlens.ledger import Ledger
from costlens.settings.dashboard import Login
from costlens_dashboard import access, formats, palette
from costlens_dashboard.frame import PAGES
from costlens_dashboard.scope import compared, of_month
from costlens_dashboard.text import md

from .conftest import Open

LOGIN = Login(
    metadata_url="https://idp.example/.well-known/openid-configuration",
    client_id="costlens",
    client_secret=SecretStr("hush"),
    redirect_uri="https://costlens.example/oauth2callback",
    cookie_secret=SecretStr("x" * 32),
    admins=["*@platform.example"],
    members={"growth": ["*@growth.example"], "finance": ["ana@growth.example"]},
)


@pytest.mark.parametrize(
    ("claims", "teams"),
    [
        ({"email": "Bo@Platform.example"}, None),
        ({"email": "bo@growth.example"}, {"growth"}),
        ({"email": "ana@growth.example"}, {"growth", "finance"}),
        ({"email": "bo@platform.example", "email_verified": False}, set()),
        ({"email": "eve@elsewhere.example", "groups": ["payments", "unknown"]}, {"payments"}),
        ({"email": "eve@elsewhere.example", "groups": "payments"}, set()),
        ({"name": "bo@platform.example"}, set()),
        ({}, set()),
    ],
)
def test_who_sees_which_teams(claims: dict[str, Any], teams: set[str] | None) -> None:
    seen = access.seen_teams(LOGIN, claims, ["growth", "finance", "payments"])
    assert seen == (None if teams is None else frozenset(teams))


def test_secrets_are_in_no_repr() -> None:
    assert "hush" not in repr(LOGIN)
    assert access.secrets_of(LOGIN)["auth"]["client_secret"] == "hush"


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the files that the buttons of a page give, by name and as text, once the page has run."""
    given: dict[str, str] = {}
    draw = st.download_button

    def button(label: str, data: Callable[[], bytes], file_name: str, **options: Any) -> bool:
        content = data()
        if file_name.endswith(".csv"):
            given[file_name] = content.decode()
        else:
            assert file_name.endswith(".parquet"), f"{file_name}: a kind of file that nobody looks into here"
            given[file_name] = pd.read_parquet(io.BytesIO(content)).to_csv()
        return draw(label, data, file_name, **options)

    monkeypatch.setattr(st, "download_button", button)
    return given


@pytest.mark.parametrize("page", [entry.name for entry in PAGES])
def test_a_member_sees_own_money_only(
    show: Open, demo: Path, page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: dict[str, str]
) -> None:
    config = tmp_path / "costlens.yml"
    home = demo.parent
    config.write_text(
        f"lake: {home}/.costlens/lake\ndatabase: sqlite:///{home}/.costlens/costlens.db\n"
        "dashboard:\n  hide_users: true\n  login: {metadata_url: 'https://idp.example/x', client_id: c, client_secret: s, "
        "redirect_uri: 'https://c.example/oauth2callback', cookie_secret: '12345678901234567890123456789012'}\n"
    )
    reader = access.Reader("bo@growth.example", frozenset({"growth"}), hides_users=True)
    monkeypatch.setattr("costlens_dashboard.frame.reader_of", lambda *_: reader)
    app = show(config, page, team="payments", asset="payments/settlements")
    assert not app.exception
    shown = "\n".join(str(e.value) for e in (*app.title, *app.markdown, *app.caption, *app.metric))
    frames = "\n".join(frame.value.to_csv() for frame in app.dataframe if len(frame.value))
    with Ledger.open(f"{home}/.costlens/lake", f"sqlite:///{home}/.costlens/costlens.db") as ledger:
        owned = ledger.estate(ledger.snapshot()).ownership
    theirs = {own.asset for own in owned} - {own.asset for own in owned if own.team == "growth"}
    assert len(theirs) > 20
    downloaded = "\n".join(files.values())
    for name in (*theirs, "DBT_PROD_SVC", "ALEX.MORENO"):
        for table in (frames, downloaded):
            assert not re.search(rf"(?<![\w/]){re.escape(name)}(?![\w/])", table), name
        assert md(name) not in shown, name
    assert "payments" not in shown
    assert not re.search(r"(?<![\w/])payments(?![\w])", downloaded)


@pytest.mark.parametrize("page", ["assets", "teams"])
def test_a_download_holds_all_that_its_reader_may_see(
    show: Open, demo: Path, page: str, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]
) -> None:
    reader = access.Reader("ann@platform.example", None)
    monkeypatch.setattr("costlens_dashboard.frame.reader_of", lambda *_: reader)
    assert not show(demo, page).exception
    assert files.keys() >= {f"costlens-{page}.csv", f"costlens-{page}.parquet"}
    assert all("payments" in content for content in files.values())


def test_a_member_sees_of_pools_what_the_teams_queries_used(
    show: Open, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = access.Reader("bo@growth.example", frozenset({"growth"}))
    monkeypatch.setattr("costlens_dashboard.frame.reader_of", lambda *_: reader)
    app = show(demo, "pools")
    (frame,) = [frame.value for frame in app.dataframe]
    assert set(frame.columns) == {"pool", "source", "own", "queries"}


def test_hidden_users_are_not_in_what_is_unattributed(show: Open, demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def frames(*, hides: bool) -> str:
        reader = access.Reader("ann@platform.example", None, hides_users=hides)
        monkeypatch.setattr("costlens_dashboard.frame.reader_of", lambda *_: reader)
        return "\n".join(frame.value.to_csv() for frame in show(demo, "unattributed").dataframe)

    users = {"LOOKER_SVC", "ALEX.MORENO", "PRIYA.NAIR", "a user"}
    told = {user for user in users if user in frames(hides=False)}
    assert told - {"a user"}, "somebody to hide"
    assert {user for user in users if user in frames(hides=True)} == {"a user"}


def test_a_page_asks_who_one_is(show: Open, demo: Path, tmp_path: Path) -> None:
    config = tmp_path / "costlens.yml"
    config.write_text(
        f"lake: {demo.parent}/.costlens/lake\ndatabase: sqlite:///{demo.parent}/.costlens/costlens.db\n"
        "dashboard:\n  login: {metadata_url: 'https://idp.example/x', client_id: c, client_secret: s, "
        "redirect_uri: 'https://c.example/oauth2callback', cookie_secret: '12345678901234567890123456789012'}\n"
    )
    app = show(config)
    assert not app.exception
    assert [button.label for button in app.button] == ["Sign in"]
    assert not app.metric


def test_a_team_has_one_colour_whatever_else_is_shown() -> None:
    teams = [f"team {number}" for number in range(12)]
    alone = palette.scale(["team 3"], teams)
    among = palette.scale([*reversed(teams), "(idle)", "other"], teams)
    assert alone["team 3"] == among["team 3"]
    assert len({among[team] for team in teams}) == 12
    assert among["(idle)"] not in {among[team] for team in teams}


def test_a_month_so_far_is_compared_with_the_same_days() -> None:
    month = of_month("2026-11", "USD")
    now, before = compared(month, formats.as_day(date(2026, 11, 21)))
    assert (formats.as_date(now.since), formats.as_date(now.until)) == (date(2026, 11, 1), date(2026, 11, 21))
    assert (before.month, formats.as_date(before.until)) == ("2026-10", date(2026, 10, 21))
    now, before = compared(of_month("2026-03", "USD"), formats.as_day(date(2026, 3, 31)))
    assert before.month == "2026-02"
    assert formats.as_date(before.until) <= date(2026, 3, 2)


def test_numbers_are_written_alike() -> None:
    assert formats.money(1234.5, "USD") == "1,234 USD"
    assert formats.money(-3.456) == "−3.46"
    assert formats.money(-0.001) == "0.00"
    assert formats.cents(-1234.5, "EUR") == "−1,234.50 EUR"
    assert formats.short(12_345) == "12k"
    assert formats.percent(0.125, 1) == "12.5 %"
    assert formats.span(date(2026, 10, 2), date(2026, 11, 2)) == "2 Oct – 1 Nov 2026"
    assert formats.duration(3_725) == "1 h 2 min"
