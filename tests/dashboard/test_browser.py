"""What a person does with the dashboard, in Chromium; pictures of every page go to screenshots/."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Locator, Page, Playwright, expect, sync_playwright

from costlens_dashboard.frame import PAGES

from .browser import Browser, served

ROOT = Path(__file__).parent.parent.parent
SCREENSHOTS = ROOT / "screenshots"


@pytest.fixture(scope="module")
def base(demo: Path) -> Iterator[str]:
    with served(demo) as address:
        yield address


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture
def browser(playwright: Playwright, base: str) -> Iterator[Browser]:
    window = Browser(playwright, base)
    yield window
    window.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_every_page_is_drawn(playwright: Playwright, base: str, width: int, scheme: str) -> None:
    window = Browser(playwright, base, width=width, scheme=scheme)
    try:
        for entry in PAGES:
            address = {"overview": "", "team": "team?team=growth"}.get(entry.name, entry.name)
            page = window.open(address)
            expect(page.get_by_text("snapshot 2").first).to_be_visible()
            widest = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
            assert widest <= width, f"{entry.name} is wider than the window"
            window.save(SCREENSHOTS, entry.name)
            window.is_fine()
    finally:
        window.close()


def test_an_asset_is_followed_from_the_overview_to_its_queries(browser: Browser) -> None:
    page = browser.open("")
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Assets").click()
    page.wait_for_url(re.compile("/assets"))
    browser.settled("Assets")
    # The table is drawn on a canvas: its rows are reached as a person does, by the place of the first box.
    grid = page.get_by_test_id("stDataFrame").first
    grid.click(position={"x": 16, "y": 52})
    page.wait_for_url(re.compile("/asset\\?.*asset="))
    browser.settled("growth/daily_active_listeners")
    # The dearest asset is the box's first, and another one next month: the address that a person shares must name it all the same.
    expect(page).to_have_url(re.compile("asset=growth%2Fdaily_active_listeners"))
    expect(page.get_by_text("Shapes and queries behind it")).to_be_visible()
    shapes = page.get_by_test_id("stDataFrame").first
    shapes.scroll_into_view_if_needed()
    shapes.click(position={"x": 16, "y": 52})
    expect(page.get_by_test_id("stCode").first).to_contain_text("daily_active_listeners", ignore_case=True)
    browser.settled()
    queries = page.get_by_test_id("stDataFrame").nth(1)
    queries.scroll_into_view_if_needed()
    queries.click(position={"x": 16, "y": 52})
    expect(page.get_by_text(re.compile("confidence \\d+"))).to_be_visible()
    browser.is_fine()


def spent_of(page: Page) -> Locator:
    return page.get_by_test_id("stMetric").filter(has_text="Spent").get_by_test_id("stMetricValue")


def test_filters_are_in_the_address_and_an_address_is_a_view(
    browser: Browser, playwright: Playwright, base: str
) -> None:
    page = browser.open("")
    browser.pick("Period", "Last 7 days")
    page.wait_for_url(re.compile("period=Last"))
    browser.settled()
    browser.pick("Team", "growth")
    page.wait_for_url(re.compile("team=growth"))
    browser.settled()
    page.get_by_role("radio", name="Category").click()
    page.wait_for_url(re.compile("by=Category"))
    browser.settled()
    address = page.url
    shown = spent_of(page).inner_text()
    other = Browser(playwright, base)
    try:
        again = other.open(address.removeprefix(base).removeprefix("/"))
        expect(spent_of(again)).to_have_text(shown)
        expect(again.get_by_role("radio", name="Category")).to_be_checked()
        again.get_by_test_id("stSidebarNav").get_by_role("link", name="Assets").click()
        again.wait_for_url(re.compile("/assets.*team=growth"))
        other.settled("Assets")
        other.is_fine()
    finally:
        other.close()
    browser.is_fine()


def test_tables_download(browser: Browser) -> None:
    page = browser.open("teams")
    with page.expect_download() as csv_file:
        page.get_by_role("button", name="CSV").first.click()
    rows = list(csv.DictReader(io.StringIO(Path(csv_file.value.path()).read_text(encoding="utf-8"))))
    assert {"growth", "payments"} <= {row["name"] for row in rows}
    with page.expect_download() as parquet_file:
        page.get_by_role("button", name="Parquet").first.click()
    table = pq.read_table(Path(parquet_file.value.path()))
    assert table.num_rows == len(rows)
    assert sum(table.column("cost").to_pylist()) == pytest.approx(38081.28, abs=0.005)
    browser.is_fine()


def test_an_anomaly_is_acknowledged_with_a_word(browser: Browser) -> None:
    page = browser.open("anomalies")
    page.get_by_label("Words for the others").fill("we look at <b>it</b>")
    page.get_by_role("button", name="Acknowledge").click()
    page.wait_for_url(re.compile("id="))
    browser.settled()
    expect(page.get_by_text(re.compile("; acknowledged"))).to_be_visible()
    page.get_by_role("button", name="Reopen").click()
    expect(page.get_by_text(re.compile("; open"))).to_be_visible()
    browser.is_fine()


def test_the_keyboard_reaches_what_the_mouse_does(browser: Browser) -> None:
    page = browser.open("assets")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.innerText || ''")
        )
    told = " ".join(reached)
    assert "Overview" in told
    assert any("Period" in label for label in reached)
    assert "CSV" in told
