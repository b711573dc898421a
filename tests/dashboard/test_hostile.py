"""Names, texts and tags of a warehouse are shown as text, whatever they try to be."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from playwright.sync_api import sync_playwright

from costlens_dashboard.frame import PAGES
from costlens_dashboard.tables import Column, as_csv
from costlens_dashboard.text import cell, md, plain

from . import hostile
from .browser import Browser, served
from .conftest import Open


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile.make(tmp_path_factory.mktemp("hostile"))


@pytest.mark.parametrize("page", [entry.name for entry in PAGES])
def test_every_page_shows_hostile_names(show: Open, config: Path, page: str) -> None:
    app = show(config, page, allocate="true")
    assert not app.exception
    written = [element.value for element in (*app.title, *app.subheader, *app.markdown, *app.caption)]
    for text in written:
        assert not re.search(r"(?<!\\)<", text), "what a page writes as Markdown is never HTML"
        assert not re.search(r"(?<!\\)\]\(", text), "nor a link"


def test_what_was_not_read_is_told_from_rows_that_were_no_use(show: Open, config: Path) -> None:
    app = show(config, "data")
    unread, problems = (
        next(frame.value for frame in app.dataframe if set(columns) <= set(frame.value.columns))
        for columns in (("view", "remedy"), ("reason", "sample"))
    )
    assert len(unread) == 2 * len(hostile.EVIL), "views, and regions of views"
    assert len(problems) == len(hostile.EVIL)
    assert next(metric.value for metric in app.metric if metric.label == "Not read") == str(len(unread))


def test_nothing_of_it_runs_in_a_browser(config: Path) -> None:
    with served(config) as base, sync_playwright() as playwright:
        window = Browser(playwright, base)
        asked: list[str] = []
        window.page.on("request", lambda request: asked.append(request.url))
        try:
            for entry in PAGES:
                page = window.open({"overview": ""}.get(entry.name, entry.name))
                assert hostile.TRAP not in page.title()
                main = page.get_by_test_id("stMainBlockContainer")
                hosts = page.evaluate("[...document.querySelectorAll('a[href]')].map(a => a.hostname)")
                assert set(hosts) <= {"127.0.0.1"}, entry.name
                assert main.locator("img[src*='evil'], img[src='x'], script, .katex").count() == 0, entry.name
            assert not [url for url in asked if "evil" in url.split("?")[0]]
            window.is_fine()
        finally:
            window.close()


def _shown(markdown: str) -> Iterator[tuple[str, str]]:
    for token in MarkdownIt("gfm-like", {"linkify": False}).parseInline(markdown)[0].children or []:
        yield token.type, token.content


@given(st.text(max_size=60))
def test_markdown_shows_a_text_as_it_is(text: str) -> None:
    parts = list(_shown(md(text)))
    assert {kind for kind, _ in parts} <= {"text", "text_special"}
    assert "".join(content for _, content in parts).replace("\u2060", "").strip() == plain(text).replace("\u2060", "")


@given(st.text(max_size=40))
def test_no_cell_is_a_formula(text: str) -> None:
    import pandas as pd

    frame = pd.DataFrame({"name": [text]})
    rows = list(csv.reader(io.StringIO(as_csv(frame, [Column("name", "Name")]).decode(), newline="")))
    assert not rows[1] or not rows[1][0] or rows[1][0][0] not in "=+-@\t\r\n"
    assert str(cell(text)).removeprefix("'") == text or cell(text) == text
