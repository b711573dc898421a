"""`python -m costlens.tagging --asset KEY -- CMD`: what `costlens run` does, where only the core is installed."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from costlens.errors import UsageError
from costlens.tagging.boot import exec_command


def main(argv: list[str] | None = None) -> NoReturn:
    """Become the command that stands after `--`; exit with 2 where it cannot be run."""
    parser = argparse.ArgumentParser(
        prog="python -m costlens.tagging", description="Run a command, and tag every statement of every Python in it."
    )
    parser.add_argument(
        "--asset", action="append", metavar="KEY", help="asset it is for, e.g. analytics/orders; repeatable"
    )
    parser.add_argument("--team", help="team it is for, where no asset says so")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="-- and the command")
    given = parser.parse_args(argv)
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    try:
        exec_command(command, given.asset, given.team)
    except UsageError as error:
        print(f"costlens: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
