"""`costlens dashboard`: serve the app that shows the ledger."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from costlens.commands._options import config_option, open_config
from costlens.errors import UsageError

if TYPE_CHECKING:
    from costlens.config import Config
    from costlens.settings.dashboard import Settings


@click.command()
@config_option
@click.option("--address", help="Address to listen on; default from the configuration, 127.0.0.1.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on; default from the configuration, 8501.")
@click.option("--browser/--no-browser", default=False, show_default=True, help="Open a browser window.")
def command(config_path: Path, address: str | None, port: int | None, browser: bool) -> None:
    """Serve the dashboard until it is stopped; it reads the ledger and no warehouse."""
    from costlens.settings.dashboard import Settings

    config = open_config(config_path)
    settings = config.section(Settings)
    address = address or settings.address
    _refuse_open_login(settings, address)
    os.environ["COSTLENS_CONFIG"] = str(config.path)
    _serve(config, settings, address, port or settings.port, browser)


def _refuse_open_login(settings: Settings, address: str) -> None:
    if settings.login is None and address not in ("127.0.0.1", "localhost", "::1"):
        click.echo(f"Without `dashboard: login:` everybody who reaches {address} sees everything.", err=True)


def _serve(config: Config, settings: Settings, address: str, port: int, browser: bool) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise UsageError(
                f"dashboard: cannot listen on {address}:{port}: {error.strerror}: name another with --port"
            ) from None
    try:
        from costlens_dashboard.serving import serve
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("costlens"):
            raise
        raise UsageError(f"dashboard: needs {error.name}: pip install 'costlens[service]'") from None
    serve(settings, address, port, browser)
