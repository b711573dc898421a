"""`python -m costlens.tagging`: run a command tagged, or make a whole environment tag; where only the core is installed."""

from __future__ import annotations

import argparse
import sys

from costlens.errors import UsageError
from costlens.tagging.boot import exec_command
from costlens.tagging.environment import install, uninstall


def main(argv: list[str] | None = None, prog: str = "python -m costlens.tagging") -> None:
    """Become the command that stands after `--`, or write the start files; exit with 2 where that cannot be."""
    parser = argparse.ArgumentParser(
        prog=prog, description="Run a command, and tag every statement of every Python in it."
    )
    parser.add_argument(
        "--asset", action="append", metavar="KEY", help="asset it is for, e.g. analytics/orders; repeatable"
    )
    parser.add_argument("--team", help="team it is for, where no asset says so")
    once = parser.add_mutually_exclusive_group()
    once.add_argument("--install", action="store_true", help="make every Python of this environment tag its statements")
    once.add_argument("--uninstall", action="store_true", help="take that out again")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="-- and the command")
    given = parser.parse_args(argv)
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    try:
        if given.install or given.uninstall:
            changed = install() if given.install else uninstall()
            print("".join(f"{'wrote' if given.install else 'removed'} {path}\n" for path in changed), end="")
            return
        exec_command(command, given.asset, given.team)
    except UsageError as error:
        print(f"costlens: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
