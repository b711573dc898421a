"""The command line: one module a command, found by its file and imported only when it is called.

A command module holds `command` (a click command) and imports nothing heavy at its top, so that `costlens --help` is quick.
Exit codes: 0 done, 1 failed with one line that says what to do, 2 wrong usage.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

import click

from costlens import __version__, registry
from costlens.errors import CostLensError, is_interrupt

#: Order of a first visit; what is not named here follows by name.
_ORDER = ("demo", "init", "check", "sync", "report")


class Commands(click.Group):
    """A group whose commands are the modules of this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = [name.replace("_", "-") for name in registry.modules("costlens.commands")]
        return sorted(names, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        dotted = registry.modules("costlens.commands").get(cmd_name.replace("-", "_"))
        command: click.Command | None = registry.load(dotted).command if dotted else None
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            from difflib import get_close_matches

            close = get_close_matches(args[0], self.list_commands(ctx), n=1)
            remedy = f"did you mean `{close[0]}`?" if close else "`costlens --help` lists them"
            ctx.fail(f"no command {args[0]!r}: {remedy}")

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; our own errors are one line on stderr, anything else is a bug and keeps its traceback."""
        # Building expressions makes many objects and no garbage: collecting took a tenth of a sync's time.
        gc.set_threshold(100_000, 20, 20)
        try:
            return super().invoke(ctx)
        except CostLensError as error:
            for line in str(error).splitlines():
                click.echo(f"costlens: {line}", err=True)
            sys.exit(1)
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(1)
        except RuntimeError as error:
            if is_interrupt(error):
                raise click.Abort from None
            raise


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, package_name="costlens")
def main() -> None:
    """Which asset, which team and which line of code spent the warehouse's money."""
