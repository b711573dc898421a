"""What the dashboard's tests share: the sample's ledger, pages run by Streamlit's AppTest."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests import shared

Open = Callable[..., AppTest]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the configuration of the sample month, loaded once."""
    return shared.demo(tmp_path_factory)[0]


def _script(first: str) -> None:
    from costlens_dashboard.frame import main

    main(first)


@pytest.fixture(autouse=True)
def main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put back what a page's run replaces: a later test's child processes start from `__main__`."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Return a function that opens a page on a configuration and runs it."""

    def run(config: Path, page: str = "overview", **params: str) -> AppTest:
        monkeypatch.setenv("COSTLENS_CONFIG", str(config))
        app = AppTest.from_function(_script, args=(page,), default_timeout=120)
        for name, value in params.items():
            app.query_params[name] = value
        return app.run()

    return run


def words(app: AppTest) -> str:
    """Return all that a page says in Markdown, as it was written."""
    return "\n".join(str(element.value) for element in (*app.title, *app.markdown, *app.caption, *app.metric))
