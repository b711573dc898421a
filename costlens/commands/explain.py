"""`costlens explain`: what drove a change of cost, of an anomaly, between any two periods, or of the bill as a whole."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from costlens.commands._options import config_option, open_config, open_ledger
from costlens.errors import UsageError

if TYPE_CHECKING:
    from costlens.ledger import Ledger, Snapshot

PERIOD = "PERIOD"
KINDS = ("asset", "team", "pool", "user", "shape")


@click.command()
@config_option
@click.argument("anomaly", required=False)
@click.option("--asset", help="Whose cost: this asset's.")
@click.option("--team", help="This team's.")
@click.option("--pool", help="This pool's.")
@click.option("--user", help="This user's.")
@click.option("--shape", help="This shape's.")
@click.option("--source", help="Only in this source.")
@click.option(
    "--from", "before", metavar=PERIOD, help="The earlier period: 2026-09, 2026-10-18 or 2026-10-12..2026-10-18."
)
@click.option("--to", "after", metavar=PERIOD, help="The later period.")
@click.option("--month", metavar="YYYY-MM", help="This billing month against the one before, in place of two periods.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
def command(
    config_path: Path,
    anomaly: str | None,
    source: str | None,
    before: str | None,
    after: str | None,
    month: str | None,
    is_json: bool,
    **whose: str | None,
) -> None:
    """Explain an ANOMALY by its id, or the change between two periods, with drivers that add up to it."""
    if sum((anomaly is not None, month is not None, before is not None or after is not None)) != 1:
        raise UsageError("explain: name an anomaly, or --from and --to, or --month")
    if bool(before) != bool(after):
        raise UsageError("explain: --from and --to are wanted together")
    named = [(kind, whose[kind]) for kind in KINDS if whose[kind]]
    if len(named) > 1:
        raise UsageError(f"explain: one of --{named[0][0]} and --{named[1][0]} at a time")
    config = open_config(config_path)
    with open_ledger(config) as ledger:

        def answer(snapshot: Snapshot) -> tuple[dict[str, Any], str]:
            if anomaly:
                return _of_anomaly(ledger, snapshot, config, anomaly)
            return _of_periods(ledger, snapshot, named, source, before, after, month)

        told, title = ledger.read(answer)
    _print(told, title, is_json)


def _of_anomaly(ledger: Ledger, snapshot: Snapshot, config: Any, anomaly: str) -> tuple[dict[str, Any], str]:
    from costlens.anomaly import listing, telling
    from costlens.settings.anomalies import Settings

    one = listing.one_of(ledger, snapshot, config.section(Settings), datetime.now(timezone.utc), anomaly)
    explanation = listing.of_anomaly(one)
    title = "\n".join(telling.lines([one])[:2])
    told = {"anomaly": telling.as_json(one), "explanations": [explanation], "note": ""}
    return (
        told,
        f"{title}\n\n  compared with {explanation['days_compared_with']} usual days, {explanation['compared_with']}",
    )


def _of_periods(
    ledger: Ledger,
    snapshot: Snapshot,
    named: list[tuple[str, str | None]],
    source: str | None,
    before: str | None,
    after: str | None,
    month: str | None,
) -> tuple[dict[str, Any], str]:
    from costlens.anomaly import explain, listing, telling

    kind, key = named[0] if named else ("source", source) if source else (None, None)
    selection = explain.Selection(kind, key, source)
    if month:
        periods, note = listing.month(ledger, snapshot, month)
    else:
        periods, note = listing.two_periods(before or "", after or ""), ""
    made = explain.explain(ledger, snapshot, selection, periods)
    whose = telling.subject(kind, key, source or "") if kind and key else "the bill"
    title = f"{whose}: {month} against the month before" if month else f"{whose}: {after} against {before}"
    told = {"kind": kind, "key": key, "source": source, "from": before, "to": after, "month": month, "note": note}
    return {**told, "explanations": [explain.as_json(one) for one in made]}, f"{title}\n  {note}".rstrip()


def _print(told: dict[str, Any], title: str, is_json: bool) -> None:
    from costlens.anomaly import telling

    if is_json:
        click.echo(json.dumps(told, indent=1))
        return
    for explanation in told["explanations"]:
        for line in telling.paragraphs(explanation, title):
            click.echo(line)
