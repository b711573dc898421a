"""Starts Streamlit in this process, set up as the dashboard needs it: local, quiet, with its two themes."""

from __future__ import annotations

import os
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

from costlens.settings.dashboard import Settings
from costlens_dashboard.access import secrets_of

LIGHT = {
    "primaryColor": "#0B63C4",
    "backgroundColor": "#FFFFFF",
    "secondaryBackgroundColor": "#F4F6F9",
    "textColor": "#17202B",
    "borderColor": "#DCE2EA",
    "linkColor": "#0B63C4",
    "sidebar.backgroundColor": "#F4F6F9",
    "sidebar.secondaryBackgroundColor": "#E8EDF3",
}
DARK = {
    "primaryColor": "#5AA9F8",
    "backgroundColor": "#10161D",
    "secondaryBackgroundColor": "#1A222C",
    "textColor": "#E6ECF3",
    "borderColor": "#2F3B48",
    "linkColor": "#7ABBFA",
    "sidebar.backgroundColor": "#151C25",
    "sidebar.secondaryBackgroundColor": "#222D39",
}
THEME: dict[str, Any] = {
    "baseFontSize": 15,
    "baseRadius": "8px",
    "headingFontWeights": [700, 650, 600],
    "showWidgetBorder": True,
    "metricValueFontSize": "1.65rem",
    "showSidebarBorder": True,
}


#: Longest that a start waits for what the first page reads; a page that is asked for before waits itself.
READY_SECONDS = 15.0


def options(address: str, port: int, browser: bool) -> dict[str, Any]:
    """Return Streamlit's options."""
    plain: dict[str, Any] = {
        "server.address": address,
        "server.port": port,
        "server.headless": not browser,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.enableStaticServing": False,
        "server.maxUploadSize": 1,
        "browser.gatherUsageStats": False,
        "browser.serverAddress": "localhost" if address in ("127.0.0.1", "::1", "0.0.0.0") else address,  # noqa: S104
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.disableDataExport": True,  # its CSV does not keep spreadsheets from running formulas; ours does
        "runner.magicEnabled": False,
        "logger.hideWelcomeMessage": True,
        "logger.enableRich": False,
    }
    themes: dict[str, Any] = {f"theme.light.{key}": value for key, value in LIGHT.items()}
    themes |= {f"theme.dark.{key}": value for key, value in DARK.items()}
    themes |= {f"theme.{key}": value for key, value in THEME.items()}
    return plain | themes


def serve(settings: Settings, address: str, port: int, browser: bool) -> None:
    """Serve the app until it is stopped."""
    from streamlit.runtime.secrets import secrets_singleton
    from streamlit.web import bootstrap

    os.environ.setdefault("COSTLENS_MEMORY", "300MB")  # of each engine: a page's share of one gigabyte
    given = {name.replace(".", "_"): value for name, value in options(address, port, browser).items()}
    bootstrap.load_config_options(given)
    if settings.login is not None:
        secrets_singleton.merge_programmatic_secrets(secrets_of(settings.login))
    script = str(Path(__file__).parent / "app.py")
    shown = "localhost" if address in ("127.0.0.1", "::1", "0.0.0.0") else address  # noqa: S104
    stop, ready = threading.Event(), threading.Event()
    warming = threading.Thread(target=_warm, args=(stop, ready), name="costlens-warm", daemon=True)
    warming.start()
    ready.wait(READY_SECONDS)
    print(f"CostLens dashboard: http://{shown}:{port}  (stop with Ctrl-C)", flush=True)
    try:
        bootstrap.run(script, False, [], given)
    finally:
        stop.set()


def _warm(stop: threading.Event, ready: threading.Event) -> None:
    """Load what pages need, then keep the newest snapshot's cubes and usual answers ready: the first page waits for neither."""
    from costlens_dashboard import ahead, charts, frame

    for entry in frame.PAGES:
        import_module(f"costlens_dashboard.views.{entry.name}")
    charts.warm()
    ahead.keep_warm(stop, ready)
