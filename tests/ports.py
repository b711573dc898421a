"""A port for a server of another process, which nobody else is given before that listens."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port() -> Iterator[int]:
    """Give a port of the loopback and hold it for the block.

    It is bound and does not listen: the system gives it to no other process that asks for any port, and a server that is
    told it by number listens on it (servers set SO_REUSEADDR). Picked and let go, it could be another worker's by then.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
