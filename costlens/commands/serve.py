"""`costlens serve`: what runs in production."""

from __future__ import annotations

from pathlib import Path

import click

from costlens.commands._options import config_option, open_config


@click.command()
@config_option
@click.option("--host", help="Address to listen on; default `service: host` of the configuration.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, 0 = any; default `service: port`.")
@click.option("--no-dashboard", is_flag=True, help="Do not run the dashboard beside it.")
def command(config_path: Path, host: str | None, port: int | None, no_dashboard: bool) -> None:
    """Pull, detect and alert by the schedule, until SIGTERM; answer /healthz, /readyz and /metrics."""
    from costlens.service import logs
    from costlens.service.serving import Options, serve
    from costlens.settings.service import Settings

    config = open_config(config_path)
    settings = config.section(Settings)
    logs.set_up()
    serve(config, Options(host or settings.host, settings.port if port is None else port, not no_dashboard))
