"""Debian's Chromium, driven by Playwright, on a real server of the dashboard."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import ConsoleMessage, Page, Playwright, expect

from tests.ports import held_port

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
PROBE = re.compile(r"^http://127\.0\.0\.1:\d+/\w+/_stcore/(health|host-config)$")
COSTLENS = str(Path(sys.executable).parent / "costlens")
#: Longest that a busy machine may take for what takes a second.
PATIENCE = 120
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


@contextmanager
def served(config: Path) -> Iterator[str]:
    """Serve the dashboard on a free port of the loopback; give its address."""
    with held_port() as port:
        words = ("dashboard", "--config", str(config), "--port", str(port))
        log = config.parent / "dashboard.log"
        with log.open("wb") as out, subprocess.Popen([COSTLENS, *words], stdout=out, stderr=out) as server:
            try:
                until = time.monotonic() + PATIENCE
                while not _answers(port):
                    assert server.poll() is None, log.read_text()
                    assert time.monotonic() < until, log.read_text()
                    time.sleep(0.05)
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()
                server.wait(PATIENCE)


def _answers(port: int) -> bool:
    try:
        return bool(urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).read())
    except OSError:
        return False


class Browser:
    """One browser window that remembers what its console complained of."""

    def __init__(self, playwright: Playwright, base: str, *, width: int = 1280, scheme: str = "light") -> None:
        found = shutil.which("chromium")
        assert found, "the browser's tests need Chromium: apt-get install chromium"
        self.base, self.width, self.scheme = base, width, scheme
        self.errors: list[str] = []
        self._browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        context = self._browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            accept_downloads=True,
        )
        context.set_default_timeout(PATIENCE * 1000)
        expect.set_options(timeout=PATIENCE * 1000)
        self.page: Page = context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def close(self) -> None:
        self._browser.close()

    def _heard(self, message: ConsoleMessage) -> None:
        # Streamlit's client does not know how long the path is that it is served under (a proxy may add one): on a page's own address
        # it asks for its health and its host's settings below that address and at the root at once, and takes who answers. Nothing of
        # ours can tell it; these two 404s, once each when a page is opened, are how it finds out.
        if message.type == "error" and not (" 404 " in message.text and PROBE.search(str(message.location.get("url")))):
            self.errors.append(message.text)

    def open(self, address: str) -> Page:
        """Open a page of the dashboard and wait until all of it is drawn."""
        self.page.goto(f"{self.base}/{address}")
        return self.settled()

    def settled(self, title: str = "") -> Page:
        """Wait until the script has run and nothing of before is left; `title` is what the page that one came to is called.

        An address changes before the page does: without its title one may take the old page, at rest, for the new one.
        """
        expect(self.page.locator('[data-testid="stMainBlockContainer"] h1').first).to_contain_text(title)
        self.page.wait_for_selector(IDLE)
        waiting = "[data-stale=true], [data-testid=stSkeleton]"
        self.page.wait_for_function(f"() => !document.querySelector('{waiting}')")
        return self.page

    def save(self, folder: Path, name: str) -> None:
        """Save a picture of the whole page."""
        folder.mkdir(exist_ok=True)
        height = self.page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        self.page.set_viewport_size({"width": self.width, "height": min(max(height + 10, 900), 6000)})
        self.settled()
        self.page.screenshot(path=folder / f"{name}-{self.width}-{self.scheme}.png")
        self.page.set_viewport_size({"width": self.width, "height": 900})

    def is_fine(self) -> None:
        """Assert that no error box stands on the page and the console complained of nothing."""
        boxes = [
            box.inner_text()
            for box in self.page.query_selector_all('[data-testid="stException"], [data-testid="stAlert"]')
        ]
        assert not boxes, boxes
        assert not self.errors, self.errors

    def pick(self, label: str, option: str) -> None:
        """Pick an option of a select box, by keyboard."""
        box = self.page.get_by_label(label, exact=False).first
        box.click()
        self.page.keyboard.type(option)
        self.page.get_by_role("option", name=option, exact=True).first.wait_for()
        self.page.keyboard.press("Enter")
