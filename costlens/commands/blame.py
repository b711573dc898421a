"""`costlens blame`: the place in the code that issued a query: file, line, function, who wrote it, who owns it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

_EXISTING = click.Path(path_type=Path, exists=True)


@click.command()
@click.option(
    "--repo", "repositories", type=_EXISTING, multiple=True, required=True, help="Folder of code; may be given often."
)
@click.option("--queries", type=_EXISTING, help="JSON lines with `id` and `sql`; one answer a line.")
@click.option("--file", "file", type=_EXISTING, help="File with the text of one query.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, one object a line.")
def command(repositories: tuple[Path, ...], queries: Path | None, file: Path | None, as_json: bool) -> None:
    """Say where in the code a query comes from.

    A verdict is `found` (a claim), `near-duplicate of` (the place is like it, no claim) or `unknown`.
    """
    from costlens.blame import answers, read_queries

    asked = read_queries(queries, file)
    for line in answers(asked, repositories, as_json=as_json):
        sys.stdout.write(line + "\n")
