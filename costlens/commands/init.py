"""`costlens init`: write a commented configuration."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from costlens.errors import UsageError

_HOW = """-- What `export:` of a {type} source reads. Each paragraph is a script of its own: fill in names in capitals and dates, and run it
-- as somebody who may read the view. A view that is left out counts as one that may not be read.
-- Put the files below one folder as they are named here, and set `export:` to that folder.
"""


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where to write; here unless given.",
)
@click.option(
    "--export",
    "show_export",
    metavar="TYPE",
    help="Print the statements that export a warehouse's views, e.g. snowflake.",
)
def command(folder: Path, show_export: str | None) -> None:
    """Write costlens.yml, assets.yml and teams.yml with every setting explained; files that exist stay as they are.

    With --export, print the statements that a person with the grants runs to make a folder of exports, for those who may not
    connect a tool to production.
    """
    if show_export:
        from costlens import registry

        kind = registry.connector(show_export)
        click.echo(_HOW.format(type=show_export))
        for view in kind.views:
            statement = kind.export_statement(view)
            if statement:
                click.echo(f"{statement}\n")
        return
    if not folder.is_dir():
        raise UsageError(f"init: there is no folder {folder}: make it first")
    for name in ("costlens.yml", "assets.yml", "teams.yml"):
        path = folder / name
        if path.exists():
            click.echo(f"{path}: is there already, left as it is")
            continue
        path.write_text((files("costlens") / "templates" / name).read_text(encoding="utf-8"), encoding="utf-8")
        click.echo(f"{path}: written")
    click.echo("Next: fill in a source in costlens.yml, then `costlens check`.")
