"""Each thing that can be wrong with a lake or a database gets one line that says what, where and what to do."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from costlens.engine import Engine
from costlens.errors import CostLensError, LedgerError
from costlens.ledger import Ledger, Snapshot
from tests.ledger.conftest import AS_OF, usage


@pytest.fixture
def place(tmp_path: Path) -> tuple[str, str]:
    return str(tmp_path / "lake"), f"sqlite:///{tmp_path / 'costlens.db'}"


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """A ledger with one snapshot."""
    with ledger.write("run", "test") as writer:
        writer.replace("usage", "prod", [20_000], usage((20_000, "1")))
        writer.commit(AS_OF)
    return ledger


def line(error: pytest.ExceptionInfo[CostLensError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 500
    return text


def only_file(ledger: Ledger) -> Path:
    assert ledger.lake.folder
    [path] = (ledger.lake.folder / "usage").glob("source=*/*/*.parquet")
    return path


def units(ledger: Ledger, snapshot: Snapshot) -> list[object]:
    with Engine(threads=1) as engine:
        return engine.rows(ledger.table("usage", snapshot, engine).select("units"))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("costlens.db", "not a database URL"),
        ("mysql://u:hunter22@h/d", "mysql is not supported"),
        ("sqlite://", "SQLite needs a file"),
        ("postgresql+psycopg://u:hunter22@127.0.0.1:1/d", "check that it runs"),
        ("postgresql+nodriver://u:hunter22@127.0.0.1:1/d", "nodriver"),
    ],
)
def test_a_wrong_database_url(tmp_path: Path, url: str, says: str) -> None:
    with pytest.raises(LedgerError) as error:
        Ledger.open(str(tmp_path), url)
    assert says in line(error)
    assert "hunter22" not in line(error)


def test_a_database_that_is_another_file(tmp_path: Path) -> None:
    (tmp_path / "costlens.db").write_bytes(b"not a database at all, but long enough to be read as one" * 20)
    with pytest.raises(LedgerError, match="restore the file from a backup") as error:
        Ledger.open(str(tmp_path), f"sqlite:///{tmp_path / 'costlens.db'}")
    line(error)


def test_a_database_of_a_newer_version(place: tuple[str, str]) -> None:
    with Ledger.open(*place) as ledger, ledger.database.write() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    with pytest.raises(LedgerError, match=r"newer CostLens .* upgrade CostLens") as error:
        Ledger.open(*place)
    line(error)


def test_a_locked_database(filled: Ledger, place: tuple[str, str]) -> None:
    holder = sqlite3.connect(place[1].removeprefix("sqlite:///"))
    holder.execute("begin immediate")
    with (
        Ledger.open(place[0], f"{place[1]}?timeout=0.1") as ledger,
        pytest.raises(LedgerError, match="end that program") as error,
        ledger.write("run", "test"),
    ):
        pass
    holder.close()
    line(error)
    assert not error.value.permanent
    assert units(filled, filled.snapshot()), "readers do not mind"


def test_a_ledger_that_another_run_writes(filled: Ledger) -> None:
    with (
        filled.write("first", "sync on host-1"),
        pytest.raises(LedgerError, match=r"sync on host-1 has been writing") as error,
        filled.write("second", "test", wait=0.1),
    ):
        pass
    line(error)
    assert not error.value.permanent


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="cannot make its folder") as error:
        Ledger.open(str(tmp_path), f"sqlite:///{tmp_path / 'file' / 'costlens.db'}")
    line(error)
    with (
        Ledger.open(str(tmp_path / "file" / "lake"), f"sqlite:///{tmp_path / 'costlens.db'}") as ledger,
        pytest.raises(LedgerError, match=r"lake .*file/lake") as error,
        ledger.write("run", "test"),
    ):
        pass
    line(error)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user may enter, unlike the test's own."""
    folder = Path(tempfile.mkdtemp(prefix="costlens-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_read_only_folder(open_folder: Path) -> None:
    lake, database = str(open_folder / "lake"), f"sqlite:///{open_folder / 'costlens.db'}"
    with Ledger.open(lake, database) as ledger:
        with ledger.write("run", "test") as writer:
            writer.replace("usage", "prod", [20_000], usage((20_000, "1")))
            writer.commit(AS_OF)
        with (
            ledger.write("run", "test") as writer,
            as_a_stranger(open_folder),
            pytest.raises(LedgerError, match=r"lake .*: table usage: .* make the folder writable") as error,
        ):
            writer.replace("usage", "prod", [20_000], usage((20_000, "2")))
        line(error)
    with as_a_stranger(open_folder), pytest.raises(LedgerError, match="writable for this user") as error:
        Ledger.open(lake, database)
    line(error)


class as_a_stranger:  # noqa: N801 (reads as a phrase)
    """Be a user who may read a folder and not write it; root would not notice."""

    def __init__(self, folder: Path) -> None:
        self._paths = [folder, *folder.rglob("*")]
        self._was_root = os.geteuid() == 0

    def __enter__(self) -> None:
        for path in self._paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        if self._was_root:
            os.seteuid(65534)

    def __exit__(self, *_: object) -> None:
        if self._was_root:
            os.seteuid(0)
        for path in self._paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_lake_that_was_moved(filled: Ledger, place: tuple[str, str]) -> None:
    assert filled.lake.folder
    filled.lake.folder.rename(filled.lake.folder.with_name("elsewhere"))
    with Ledger.open(*place) as ledger:
        with pytest.raises(LedgerError, match="table usage is not there; was `lake` moved") as error:
            units(ledger, ledger.snapshot())
        line(error)
        with pytest.raises(LedgerError, match="set `lake` to where it was") as error, ledger.write("run", "test"):
            pass
        line(error)


def test_a_lake_of_another_database(filled: Ledger, place: tuple[str, str], tmp_path: Path) -> None:
    with (
        Ledger.open(place[0], f"sqlite:///{tmp_path / 'new.db'}") as other,
        pytest.raises(LedgerError, match="belongs to another database") as error,
        other.write("run", "test"),
    ):
        pass
    line(error)
    assert units(filled, filled.snapshot()) == [{"units": 1}]


def test_a_damaged_log(filled: Ledger, place: tuple[str, str]) -> None:
    assert filled.lake.folder
    log = filled.lake.folder / "usage" / "_delta_log" / "00000000000000000001.json"
    log.write_text(log.read_text()[:200])
    with Ledger.open(*place) as ledger, pytest.raises(LedgerError, match="table usage") as error:
        units(ledger, ledger.snapshot())
    line(error)


def test_a_damaged_file(filled: Ledger) -> None:
    path = only_file(filled)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(LedgerError, match="restore the file from a backup") as error:
        units(filled, filled.snapshot())
    line(error)


def test_a_missing_file_is_looked_for_twice(filled: Ledger) -> None:
    only_file(filled).unlink()
    seen = []

    def read(snapshot: Snapshot) -> list[object]:
        seen.append(snapshot.id)
        return units(filled, snapshot)

    with pytest.raises(LedgerError, match="sync its days again") as error:
        filled.read(read)
    line(error)
    assert len(seen) == 2


def test_a_url_with_a_key_is_shown_without_it(tmp_path: Path) -> None:
    url = "s3://user:hunter22@bucket/lake?sig=hunter22"
    with Ledger.open(url, f"sqlite:///{tmp_path / 'costlens.db'}") as ledger:
        assert ledger.lake.name == "s3://***@bucket/lake"
