"""`make bench-dashboard`: the dashboard in a browser on the ledger of a company: first page, interactions, memory, twenty sessions.

Makes `bench/company.py`'s ledger in .bench/company when it is not there (minutes). Prints a table; judges nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
FOLDER = HERE.parent / ".bench" / "company"
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
MONTHS = 13
ERRORS = '[data-testid="stException"], [data-testid="stAlert"]'
#: Sets `followed` once the script has run again.
WATCH = """() => {
    window.followed = false
    const app = document.querySelector('[data-testid="stApp"]')
    let ran = false
    new MutationObserver((_, watch) => {
        const state = app.dataset.testScriptState
        if (state !== 'notRunning') ran = true
        else if (ran) { window.followed = true; watch.disconnect() }
    }).observe(app, {attributes: true, attributeFilter: ['data-test-script-state']})
}"""
PAGES = (
    "assets",
    "teams",
    "pools",
    "queries",
    "unattributed",
    "waste",
    "anomalies",
    "data",
    "asset",
    "team?team=growth",
)


def serve(config: Path, port: int) -> tuple[subprocess.Popen[bytes], float]:
    """Start `costlens dashboard` and wait until it answers; return it with the seconds that it took."""
    started = time.monotonic()
    command = [str(Path(sys.executable).parent / "costlens"), "dashboard", "--config", str(config), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(300):
        if answers(port):
            return server, time.monotonic() - started
        time.sleep(0.1)
    raise SystemExit("the dashboard does not start")


def answers(port: int) -> bool:
    try:
        return bool(urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).read())
    except OSError:
        return False


def made(folder: Path, since: float) -> float:
    """Wait until the server has made the cube of every month; return the seconds since a moment."""
    while len(list((folder / ".lake-dashboard").glob("*.parquet"))) < MONTHS:
        time.sleep(0.1)
    return time.monotonic() - since


def memory(server: subprocess.Popen[bytes], field: str = "VmHWM") -> float:
    """Return the server's memory in MB: its peak, or now with VmRSS."""
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def settled(page: Page) -> None:
    """Wait until the script has run and the page shows what it drew."""
    page.wait_for_selector(IDLE, timeout=120_000)
    page.wait_for_function(
        "() => !document.querySelector('[data-stale=true], [data-testid=stSkeleton]')", timeout=120_000
    )


def opened(page: Page, address: str) -> float:
    """Open an address and return the seconds until all of it is there."""
    started = time.monotonic()
    page.goto(address)
    page.wait_for_selector('[data-testid="stCaptionContainer"]', timeout=120_000)
    settled(page)
    return time.monotonic() - started


def clicked(page: Page, act: Callable[[], object]) -> float:
    """Do something and return the seconds until the page has followed."""
    page.evaluate(WATCH)
    started = time.monotonic()
    act()
    page.wait_for_function("() => window.followed", timeout=120_000)
    settled(page)
    return time.monotonic() - started


def pick(page: Page, label: str, option: str) -> float:
    """Pick an option by typing it, a long list holds only what is in sight; return the seconds from Enter until the page followed."""
    page.get_by_label(label, exact=False).first.click()
    page.keyboard.type(option)
    page.get_by_role("option", name=option, exact=True).first.wait_for()
    return clicked(page, lambda: page.keyboard.press("Enter"))


def interactions(page: Page, base: str) -> list[tuple[str, float]]:
    """Return the seconds of each of many interactions: filters, groupings, pages, searches, picks."""
    opened(page, base)
    found: list[tuple[str, float]] = []

    def done(what: str, seconds: float) -> None:
        found.append((what, seconds))
        print(f"  {seconds:6.2f} s  {what}", flush=True)

    menu = page.locator("[data-testid=stSidebarNav]")
    for option in ("Last 30 days", "Last 90 days", "Last 12 months", "September 2026", "Latest month"):
        done(f"overview: {option}", pick(page, "Period", option))
    for option in ("Category", "Source", "Pool", "Asset", "Team"):
        done(f"overview: by {option}", clicked(page, page.get_by_role("radio", name=option, exact=True).click))
    done("overview: team growth", pick(page, "Team", "growth"))
    done("overview: all teams", pick(page, "Team", "All teams"))
    for name in ("Assets", "Teams", "Pools", "Queries", "Unattributed", "Waste", "Anomalies", "Data", "Assets"):
        done(f"open {name}", clicked(page, menu.get_by_role("link", name=name).click))
    search = page.get_by_placeholder("Search …").first
    search.fill("orders")
    done("assets: search", clicked(page, lambda: search.press("Enter")))
    done("assets: Last 30 days", pick(page, "Period", "Last 30 days"))
    return found


def together(base: str, count: int) -> tuple[list[float], list[str]]:
    """Open `count` sessions at once; return the seconds of each and all error boxes."""
    seconds: list[float] = []
    errors: list[str] = []
    gate = threading.Barrier(min(count, 4))

    def some(mine: int) -> None:
        with sync_playwright() as playwright:
            browser = launch(playwright)
            pages = [browser.new_page() for _ in range(mine)]
            gate.wait(60)
            started = time.monotonic()
            for number, page in enumerate(pages):
                page.goto(f"{base}/{PAGES[number % len(PAGES)] if number % 2 else ''}", wait_until="commit")
            for page in pages:
                page.wait_for_selector('[data-testid="stCaptionContainer"]', timeout=120_000)
                settled(page)
                seconds.append(time.monotonic() - started)
                errors.extend(box.inner_text() for box in page.query_selector_all(ERRORS))
            browser.close()

    def tried(mine: int) -> None:
        try:
            some(mine)
        except Exception as error:  # whatever stops a session is an error of it
            errors.append(repr(error))

    threads = [threading.Thread(target=tried, args=(count // 4,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seconds, errors


def launch(playwright: object) -> Browser:
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))  # type: ignore[attr-defined,no-any-return]


def started_anew(config: Path, port: int, sessions: int) -> list[tuple[str, str]]:
    """Measure a server that finds nothing on disk: its start, pages, interactions, many sessions, memory."""
    base = f"http://127.0.0.1:{port}"
    server, took = serve(config, port)
    answered = time.monotonic()
    try:
        with sync_playwright() as playwright:
            browser = launch(playwright)
            first = opened(browser.new_page(), base)
            cubes = made(config.parent, answered)
            page = browser.new_page()
            done, again = interactions(page, base), interactions(page, base)
            floor = opened(browser.new_page(), base)
            browser.close()
        seconds, errors = together(base, sessions)
        peak = memory(server)
    finally:
        server.terminate()
        server.wait(20)
    slowest = max(done, key=lambda one: one[1])
    return [
        ("start of the server, nothing on disk, until it answers", f"{took:.2f} s"),
        ("first page as soon as it answers, no answer in memory", f"{first:.2f} s"),
        ("all 13 cubes made by the server, after it answered", f"{cubes:.1f} s"),
        ("a new window, all answers in memory", f"{floor:.2f} s"),
        (f"{len(done)} interactions the first time, median", f"{statistics.median(s for _, s in done):.2f} s"),
        (f"{len(done)} interactions the first time, slowest", f"{slowest[1]:.2f} s ({slowest[0]})"),
        (f"{len(again)} interactions again, median", f"{statistics.median(s for _, s in again):.2f} s"),
        (f"{len(seconds)} sessions at once, median until drawn", f"{statistics.median(seconds):.2f} s"),
        (f"{len(seconds)} sessions at once, error boxes", f"{len(errors)}"),
        ("memory of the server, peak", f"{peak:,.0f} MB"),
    ]


def started_again(config: Path, port: int) -> list[tuple[str, str]]:
    """Measure a new server that finds its cubes: its start and its first page."""
    server, took = serve(config, port)
    time.sleep(10)
    try:
        with sync_playwright() as playwright:
            browser = launch(playwright)
            first = opened(browser.new_page(), f"http://127.0.0.1:{port}")
            browser.close()
    finally:
        server.terminate()
        server.wait(20)
    return [
        ("start of a new server, cubes on disk", f"{took:.2f} s"),
        ("first page of it, ten seconds later, no page asked before", f"{first:.2f} s"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the dashboard in a browser.")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="ledger of bench/company.py")
    parser.add_argument("--sessions", type=int, default=20)
    given = parser.parse_args()
    config = given.folder / "costlens.yml"
    if not config.exists():
        subprocess.run([sys.executable, str(HERE / "company.py"), str(given.folder)], check=True)
    shutil.rmtree(given.folder / ".lake-dashboard", ignore_errors=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    rows = [*started_anew(config, port, given.sessions), *started_again(config, port)]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    print(f"\ncommit {commit}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}\n")
    print(f"| {'what':52} | figure |\n|{'-' * 54}|---:|")
    for what, figure in rows:
        print(f"| {what:52} | {figure} |")


if __name__ == "__main__":
    main()
