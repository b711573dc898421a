"""Keeps accepted events on disk until a sync has them: lines are on the disk, synced, before anyone is told that they are.

A spool is a folder of segments. A process appends to a segment of its own, `<time>-<id>.open`, which it holds locked; at
16 MB it is renamed to `.ndjson` and another begun. Whoever reads takes whole lines only, of open segments too, and deletes a
segment once all of it is in the ledger and nobody writes to it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

#: A segment larger than this is closed.
SEGMENT_BYTES = 16_000_000
#: Events that may wait for the disk; more are refused.
MOST_WAITING = 20_000


class Full(Exception):
    """The disk takes no more, or too much waits for it."""


class Spool:
    """Appends for one process. Events that arrive while the disk syncs are written together: one sync for all of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: int | None = None
        self._path = folder
        self._size = 0
        self._waiting: list[tuple[bytes, int, asyncio.Future[None]]] = []
        self._count = 0
        self._writer: asyncio.Task[None] | None = None

    async def append(self, lines: bytes, count: int = 1) -> None:
        """Return once the lines are on the disk; raises Full where they are not and will not be."""
        if self._count + count > MOST_WAITING:
            raise Full("too many events wait for the disk")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((lines, count, done))
        self._count += count
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        """Write what waits, together, until nothing waits."""
        while self._waiting:
            batch, self._waiting = self._waiting, []
            error: Exception | None = None
            try:
                await asyncio.to_thread(self._sync, b"".join(lines for lines, _, _ in batch))
            except OSError as failure:
                error = Full(f"the disk refuses ({failure.strerror or type(failure).__name__})")
            for _, count, done in batch:
                self._count -= count
                if done.cancelled():
                    continue
                if error:
                    done.set_exception(error)
                else:
                    done.set_result(None)

    def _sync(self, data: bytes) -> None:
        file = self._open()
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(file, view) :]
            os.fdatasync(file)
        except OSError:
            self._give_up(file)
            raise
        self._size += len(data)
        if self._size >= SEGMENT_BYTES:
            self.close()

    def _open(self) -> int:
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path = self.folder / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.open"
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            self._size = 0
            _sync_folder(self.folder)
        return self._file

    def _give_up(self, file: int) -> None:
        """Take back what may have been written of refused events, and go on in another segment."""
        with suppress(OSError):  # then they may be read although they were refused: told twice does no harm
            os.ftruncate(file, self._size)
        self.close()

    def close(self) -> None:
        """Close the segment; the next event begins another."""
        if self._file is None:
            return
        try:
            self._path.rename(self._path.with_suffix(".ndjson"))
            _sync_folder(self.folder)
        finally:
            os.close(self._file)
            self._file = None


def segments(folder: Path) -> list[Path]:
    """Return the segments of a spool, oldest first."""
    return sorted(path for path in folder.glob("*") if path.suffix in (".open", ".ndjson")) if folder.is_dir() else []


def lines_of(path: Path, offset: int, most: int) -> Iterator[tuple[bytes, int]]:
    """Yield whole lines from an offset on, about `most` bytes of them, each with the offset after it."""
    try:
        file = path.open("rb")
    except FileNotFoundError:  # closed meanwhile: it is there under its other name next time
        return
    with file:
        file.seek(offset)
        end = offset + most
        while offset < end and (line := file.readline()).endswith(b"\n"):
            offset += len(line)
            yield line, offset


def drop(folder: Path, read: Mapping[str, int]) -> None:
    """Delete the segments that are read to their end and that nobody writes to."""
    for path in segments(folder):
        offset = read.get(path.stem)
        if offset is None or not _is_left(path):
            continue
        with path.open("rb") as file:
            file.seek(offset)
            if b"\n" not in file.read():  # what follows the last line end was never accepted
                path.unlink(missing_ok=True)


def _is_left(path: Path) -> bool:
    """Tell whether no process appends to a segment: an open one may be left by a process that was killed."""
    if path.suffix != ".open":
        return True
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
