"""`costlens run`: run a command whose warehouse statements carry an asset."""

from __future__ import annotations

import click


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--asset", "assets", multiple=True, required=True, help="Key of the asset that is made; may be repeated.")
@click.option("--team", help="Team that pays, where the asset has no owner yet.")
@click.argument("command_line", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD...")
def command(assets: tuple[str, ...], team: str | None, command_line: tuple[str, ...]) -> None:
    """Run a command (bash, cron, a notebook) so that each statement of its Python drivers is tagged with the asset.

    Where only the core is installed: python -m costlens.tagging --asset KEY -- CMD.
    """
    from costlens.tagging.boot import exec_command

    exec_command(list(command_line), list(assets), team)
