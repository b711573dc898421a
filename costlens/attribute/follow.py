"""Follows what a thread writes and no asset is (temporary and staging tables) to the assets that it ends in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from costlens.attribute.deeds import Deed

#: A table is followed to statements that end at most this many days later.
REACH_DAYS = 1
#: No more statements than these are remembered as what fed one table.
_FEEDS = 5_000


@dataclass(frozen=True)
class Step:
    """One writing statement of a thread."""

    thread: str
    query_id: str
    day: int
    deed: Deed
    assets: tuple[str, ...]
    """Assets that it writes itself."""


@dataclass
class _Table:
    """A table that is no asset: the statements that fed it, and the assets it went into, with the day."""

    feeds: list[Step] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)


def follow(steps: Iterable[Step]) -> Iterator[tuple[Step, tuple[str, ...]]]:
    """Yield (step, assets) for the steps that write no asset themselves and whose tables end in assets.

    Steps come by thread and in their order. The answer for a step depends on steps within `REACH_DAYS` of its day only.
    """
    for _, thread in groupby(steps, key=lambda step: step.thread):
        found: dict[str, tuple[Step, set[str]]] = {}
        tables: dict[tuple[str, ...], _Table] = {}
        for step in thread:
            _take(step, tables, found)
        yield from ((step, tuple(sorted(assets))) for step, assets in found.values())


def _take(step: Step, tables: dict[tuple[str, ...], _Table], found: dict[str, tuple[Step, set[str]]]) -> None:
    deed = step.deed
    read = {name for source in deed.sources if (name := deed.full(source)) in tables}
    feeds = [feed for name in read for feed in tables[name].feeds if step.day - feed.day <= REACH_DAYS]
    if step.assets:
        for feed in feeds:
            found.setdefault(feed.query_id, (feed, set()))[1].update(step.assets)
        for name in read:
            tables[name].ends.update(dict.fromkeys(step.assets, step.day))
        return
    for target in deed.targets:
        name = deed.full(target)
        if deed.verb in ("drop", "truncate"):
            gone = tables.pop(name, _Table())
            ended = {asset for asset, day in gone.ends.items() if step.day - day <= REACH_DAYS}
            if ended:
                found.setdefault(step.query_id, (step, set()))[1].update(ended)
            continue
        if deed.verb.startswith("create") or name not in tables:
            tables[name] = _Table()
        table = tables[name]
        if len(table.feeds) < _FEEDS:
            table.feeds += [*feeds, step]
