"""`costlens run`: run a command whose warehouse statements carry an asset."""

from __future__ import annotations

import click


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--asset", "assets", multiple=True, help="Key of the asset that is made; may be repeated.")
@click.option("--team", help="Team that pays, where the asset has no owner yet.")
@click.argument("command_line", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD...")
def command(assets: tuple[str, ...], team: str | None, command_line: tuple[str, ...]) -> None:
    """Run a command (bash, cron, a notebook, dbt) so that each statement of its Python drivers is tagged.

    Without --asset the tag says what is known: dbt's node, Dagster's or Airflow's step, the line of code.
    Where only the core is installed: python -m costlens.tagging --asset KEY -- CMD; with --install it makes every
    Python of its environment tag.
    """
    from costlens.tagging.boot import exec_command

    exec_command(list(command_line), list(assets), team)
