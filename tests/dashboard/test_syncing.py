"""While a sync writes, a page shows the snapshot before it; when it is done, the next look shows the new one."""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from costlens.engine import Engine
from costlens.ledger import Ledger

from .conftest import Open

DAYS = range(20727, 20730)


def spent(app: AppTest) -> str:
    return next(str(metric.value) for metric in app.metric if metric.label.startswith("Spent"))


def snapshot(app: AppTest) -> str:
    return next(caption.value for caption in app.caption if "snapshot" in caption.value)


@pytest.mark.parametrize("is_finished", [True, False], ids=["finished", "killed"])
def test_a_page_while_a_sync_writes(show: Open, demo: Path, tmp_path: Path, is_finished: bool) -> None:
    shutil.copytree(demo.parent, tmp_path / "copy")
    folder = tmp_path / "copy" / ".costlens"
    app = show(tmp_path / "copy" / "costlens.yml")
    before = spent(app)
    with (
        Ledger.open(str(folder / "lake"), f"sqlite:///{folder / 'costlens.db'}") as ledger,
        Engine() as engine,
        ledger.write("run", "test") as writer,
    ):
        rows = writer.table("daily", engine, source="encore-prod", days=DAYS)
        writer.replace("daily", "encore-prod", DAYS, rows.limit(0), engine)
        app.run()
        assert not app.exception
        assert spent(app) == before
        assert "snapshot 2" in snapshot(app)
        if is_finished:
            info = dict(writer.base.info) if writer.base else {}
            writer.commit(datetime(2026, 11, 12, tzinfo=timezone.utc), info=info)
    app.run()
    assert not app.exception
    assert (spent(app) != before) == is_finished
    assert ("snapshot 3" in snapshot(app)) == is_finished
