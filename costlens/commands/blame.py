"""`costlens blame`: the place in the code that issued a query: file, line, function, who wrote it, who owns it."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from costlens.commands._options import config_option, open_config, open_ledger
from costlens.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from costlens.blame import Asked
    from costlens.config import Config
    from costlens.ledger import Ledger
    from costlens.trace import Repository

_EXISTING = click.Path(path_type=Path, exists=True)


@click.command()
@config_option
@click.argument("query_id", required=False)
@click.option("--top", type=click.IntRange(1), help="The so many dearest statements of the ledger that have no asset.")
@click.option("--days", type=click.IntRange(1), default=30, show_default=True, help="Days that --top looks at.")
@click.option("--file", "file", type=_EXISTING, help="File with the text of one query.")
@click.option(
    "--queries", type=_EXISTING, help="JSON lines with `id`, `sql`, and `at` if the code is to be as it was then."
)
@click.option(
    "--repo",
    "folders",
    type=_EXISTING,
    multiple=True,
    help="Folder of code; may be given often; default those of `code`.",
)
@click.option("--json", "in_json", is_flag=True, help="Answer in JSON, one object a line.")
def command(
    config_path: Path,
    query_id: str | None,
    top: int | None,
    days: int,
    file: Path | None,
    queries: Path | None,
    folders: tuple[Path, ...],
    in_json: bool,
) -> None:
    """Say where in the code a query comes from: by its QUERY_ID in the ledger, or by its text.

    A verdict is `found` (a claim), `near-duplicate of` (a place is like it, no claim is made) or `unknown`. Texts may be
    raw, masked, cut off, wrapped or printed otherwise. A repository is read as it was when the query ran.
    """
    from costlens.blame import Blame, as_json, as_lines, read_queries
    from costlens.render import plain
    from costlens.trace.store import Store, cache_file

    if not (query_id or top or file or queries):
        raise UsageError("blame: which query? give QUERY_ID, --top N, --file q.sql or --queries FILE.jsonl")
    asked = read_queries(queries, file)
    config = _config(config_path, needed=bool(query_id or top)) if query_id or top or not folders else None
    with ExitStack() as opened:
        store = opened.enter_context(Store(cache_file()))
        estate = None
        if config and (query_id or top):
            ledger = opened.enter_context(open_ledger(config))
            asked = [*_of_ledger(ledger, query_id, top, days), *asked]
            estate = ledger.estate()
        blame = Blame(_repositories(folders, config), store, estate, ask_git=not queries)
        for one in asked:
            blamed = blame.of(one)
            lines = [as_json(blamed)] if in_json else [plain(line).plain for line in as_lines(blamed)]
            sys.stdout.write("\n".join(lines) + "\n")


def _config(path: Path, *, needed: bool) -> Config:
    try:
        return open_config(path)
    except ConfigError:
        if needed:
            raise
        raise UsageError("blame: no repository: name a folder with --repo, or list some in costlens.yml") from None


def _repositories(folders: tuple[Path, ...], config: Config | None) -> list[Repository]:
    from costlens.settings.code import Settings as CodeSettings
    from costlens.trace import Repository
    from costlens.trace.configured import repositories

    if folders or config is None:
        return [Repository(path) for path in folders]
    if found := repositories(config.base, config.section(CodeSettings)):
        return found
    raise UsageError("blame: no repository: name a folder with --repo, or list some under `code: repositories:`")


def _of_ledger(ledger: Ledger, query_id: str | None, top: int | None, days: int) -> list[Asked]:
    from costlens.blame_ledger import dearest, query

    found = [ledger.read(lambda snapshot: query(ledger, snapshot, query_id))] if query_id else []
    return found + (ledger.read(lambda snapshot: dearest(ledger, snapshot, top, days)) if top else [])
