"""Options that several commands share, and opening what they name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from costlens.config import Config
    from costlens.ledger import Ledger

#: How a day, and an instant in UTC, is written on the command line.
DAY = "YYYY-MM-DD"
INSTANT = "YYYY-MM-DD[THH:MM[:SS]]"

Function = TypeVar("Function", bound=Callable[..., Any])


def config_option(function: Function) -> Function:
    """Add --config."""
    return click.option(
        "--config",
        "config_path",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("costlens.yml"),
        show_default=True,
        envvar="COSTLENS_CONFIG",
        help="Configuration file.",
    )(function)


def open_config(path: Path) -> Config:
    """Read the configuration."""
    from costlens.config import load_config

    return load_config(path)


def open_ledger(config: Config) -> Ledger:
    """Open the lake and the database that a configuration names."""
    from costlens.ledger import Ledger

    return Ledger.open(config.root.lake, config.root.database, storage_options=config.root.lake_options or None)
