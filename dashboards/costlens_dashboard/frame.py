"""The frame of every page: sign-in, navigation, title, filters, which snapshot is shown, and what to do when there is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from importlib import import_module
from typing import Any

import duckdb
import streamlit as st

from costlens.errors import ConfigError, CostLensError, LedgerEmpty, LedgerError
from costlens_dashboard import formats
from costlens_dashboard.access import LOCAL, Reader, reader_of
from costlens_dashboard.books import Books, config_path, open_books
from costlens_dashboard.questions import spend
from costlens_dashboard.state import View, view_of
from costlens_dashboard.text import md, plain

RETRIED = "retried"


@dataclass(frozen=True)
class Entry:
    """One page: its module in `costlens_dashboard.views`, which has `draw(view)`."""

    name: str
    title: str
    icon: str
    group: str
    is_listed: bool = True


PAGES = (
    Entry("overview", "Overview", ":material/monitoring:", "Money"),
    Entry("assets", "Assets", ":material/table_chart:", "Money"),
    Entry("asset", "Asset", ":material/table:", "Money", is_listed=False),
    Entry("teams", "Teams", ":material/groups:", "Money"),
    Entry("team", "Team", ":material/group:", "Money", is_listed=False),
    Entry("pools", "Pools", ":material/bolt:", "Money"),
    Entry("queries", "Queries", ":material/code:", "Money"),
    Entry("unattributed", "Unattributed", ":material/help:", "To do"),
    Entry("waste", "Waste", ":material/delete_sweep:", "To do"),
    Entry("anomalies", "Anomalies", ":material/notifications_active:", "To do"),
    Entry("data", "Data", ":material/database:", "Ledger"),
)


def main(first: str = "overview") -> None:
    """Draw the frame and the page within; `first` is the page at the root of the address."""
    st.set_page_config(page_title="CostLens", page_icon=_ICON, layout="wide")
    st.logo(_LOGO, size="large")
    st.html(_STYLE)
    views: list[View] = []
    headings: list[str | None] = []
    shown = {entry.name: st.Page(partial(_run, entry, views, headings), **_options(entry, first)) for entry in PAGES}
    st.session_state["pages"] = shown
    groups: dict[str, list[st.Page]] = {}
    for entry in PAGES:
        groups.setdefault(entry.group, []).append(shown[entry.name])
    page = st.navigation(groups, expanded=True)
    entry = next(entry for entry in PAGES if shown[entry.name] is page or shown[entry.name].url_path == page.url_path)
    _draw(entry, page, views, headings)


def _run(entry: Entry, views: list[View], headings: list[str | None]) -> None:
    """Draw what is a page's own: Streamlit calls it within `page.run()`, and keeps what is drawn outside from page to page."""
    headings.append(import_module(f"costlens_dashboard.views.{entry.name}").draw(views[0]))


def _options(entry: Entry, first: str) -> dict[str, Any]:
    return {
        "title": entry.title,
        "icon": entry.icon,
        "url_path": entry.name,
        "default": entry.name == first,
        "visibility": "visible" if entry.is_listed else "hidden",
    }


def _draw(entry: Entry, page: st.Page, views: list[View], headings: list[str | None]) -> None:
    """Draw one page from one snapshot; where a file of it has gone meanwhile, once more from the then newest."""
    try:
        books = open_books()
    except CostLensError as error:
        failure(error)
        return
    try:
        _page(books, entry, page, views, headings)
    except (duckdb.IOException, OSError, LedgerError) as error:
        may_heal = not (isinstance(error, LedgerError) and error.permanent)
        if may_heal and not st.session_state.get(RETRIED):
            st.session_state[RETRIED] = True
            st.rerun()
        failure(error if isinstance(error, CostLensError) else books.ledger.lake.unreadable(error))
    except CostLensError as error:
        failure(error)
    else:
        st.session_state[RETRIED] = False


def _page(books: Books, entry: Entry, page: st.Page, views: list[View], headings: list[str | None]) -> None:
    desk = books.desk()
    reader = reader_of(books.settings, (team.name for team in desk.estate.teams))
    if reader is None:
        _sign_in()
        return
    title = st.empty()
    title.title(entry.title, anchor=False)
    view = view_of(desk, reader)
    if view is None:
        nothing("The ledger has no charges yet", "`costlens sync` pulls them; this page then shows them by itself.")
        return
    _who(reader)
    if view.scope.only is not None and not view.scope.only:
        nothing("No team is yours", "Ask whoever runs CostLens to name you under `dashboard: login: members`.")
        return
    _status(view)
    views.append(view)
    page.run()
    if headings[-1]:
        title.title(md(headings[-1], 120), anchor=False)


def _status(view: View) -> None:
    """Say which snapshot the page shows, up to when its figures are final, and when it was drawn."""
    snapshot = view.desk.snapshot
    row = view.desk.ask(spend.total, view.scope).iloc[0]
    parts = [view.period, f"snapshot {snapshot.id}", f"as of {formats.instant(snapshot.as_of)}"]
    if row["last"] == row["last"] and row["last"] is not None:
        is_final = row["first_open"] is None or row["first_open"] != row["first_open"]
        until = row["last"] + 1 if is_final else row["first_open"]
        parts.append(f"final before {formats.day(formats.as_date(until))}")
    parts.append(f"drawn {datetime.now(timezone.utc):%H:%M:%S} UTC")
    st.caption(md(" · ".join(parts)))


def _who(reader: Reader) -> None:
    if reader.name == LOCAL:
        return
    with st.sidebar:
        st.caption(md(reader.name))
        if reader.teams is not None:
            st.caption(md(f"sees {', '.join(sorted(reader.teams)) or 'no team'}"))
        st.button("Sign out", on_click=st.logout, icon=":material/logout:")


def _sign_in() -> None:
    st.title("CostLens", anchor=False)
    st.write("Sign in to see what your teams spend.")
    st.button("Sign in", on_click=st.login, type="primary", icon=":material/login:")


def nothing(title: str, what_to_do: str) -> None:
    """Draw an empty state in our own words: what is not there, and what would change that."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(f"**{title}**", text_alignment="center")
        st.caption(what_to_do, text_alignment="center")


def failure(error: BaseException) -> None:
    """Draw what is wrong and what to do about it."""
    titles = ((LedgerEmpty, "Nothing was synced yet"), (ConfigError, "The configuration cannot be used"))
    title = next((words for kind, words in titles if isinstance(error, kind)), "The ledger cannot be read")
    path = plain(config_path())
    st.title(title, anchor=False)
    st.code(str(error), language=None, wrap_lines=True)
    if isinstance(error, LedgerEmpty):
        st.write("Pull your warehouses, or load the sample month to look around:")
        st.code(f"costlens sync --config {path}\ncostlens demo", language="shell", wrap_lines=True)
    else:
        st.write("Once that is done, reload this page. What the configuration and the ledger say of themselves:")
        st.code(f"costlens check --config {path}", language="shell", wrap_lines=True)
    st.button("Try again", icon=":material/refresh:")


# Drawn here, not named: a browser would fetch a named icon from somebody else's server.
_LENS = (
    '<g fill="none" stroke="#0B83E0" stroke-width="3.4" stroke-linecap="round"><circle cx="14" cy="14" r="10"/>'
    '<path d="M21.5 21.5 29 29"/></g><g fill="#E69F00"><rect x="8.6" y="14" width="2.8" height="5"/>'
    '<rect x="12.6" y="10.5" width="2.8" height="8.5"/><rect x="16.6" y="8" width="2.8" height="11"/></g>'
)
_ICON = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32">{_LENS}</svg>'
_LOGO = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 150 32" width="150" height="32">{_LENS}'
    '<text x="38" y="22.5" font-family="Source Sans, Source Sans Pro, Helvetica, Arial, sans-serif" font-size="20" '
    'font-weight="700" fill="#7A8CA3">CostLens</text></svg>'
)
# Less empty space above the title than Streamlit has, and cards that line up.
_STYLE = "<style>.stMainBlockContainer{padding-top:3.2rem;padding-bottom:3rem}</style>"
