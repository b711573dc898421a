"""`costlens check`: what can be reached, which grant or setting is missing, and what could not be read."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from costlens.commands._options import config_option, open_config, open_ledger

_SIGNS = {"ok": "ok     ", "missing": "missing", "warning": "warning", "error": "error  "}


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option(
    "--focus",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Instead: check a FOCUS file (CSV or Parquet, any vendor's) against the specification.",
)
@click.option("--focus-version", metavar="1.2", help="Version of FOCUS; default the newest that the columns tell of.")
def command(config_path: Path, as_json: bool, focus: Path | None, focus_version: str | None) -> None:
    """Say what is reached, which grant or setting is missing (with the statement that grants it), which rows were no use."""
    if focus is not None:
        _check_focus(focus, focus_version, as_json=as_json)
        return
    from costlens.check import check

    config = open_config(config_path)
    with open_ledger(config) as ledger:
        findings = list(check(config, ledger))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(f"{_SIGNS[finding.state]}  {finding.what}{': ' + finding.detail if finding.detail else ''}")
            for line in finding.remedy.splitlines():
                click.echo(f"           {line}")
    if any(finding.state == "error" for finding in findings):
        raise SystemExit(1)


def _check_focus(path: Path, version: str | None, *, as_json: bool) -> None:
    from costlens.focus.checking import check_file

    done = check_file(path, version)
    if as_json:
        body = {**asdict(done), "path": str(path), "conforms": done.conforms}
        click.echo(json.dumps(body, indent=2))
    else:
        for fault in done.faults:
            where = f", first in row {fault.first_row:,}" if fault.first_row else ""
            sample = f" ({fault.sample!r})" if fault.sample else ""
            rows = f": {fault.rows:,} rows{where}{sample}" if fault.rows else ""
            click.echo(
                f"{fault.level:<8} {fault.rule:<36} {f'{fault.column} ' if fault.column else ''}{fault.says}{rows}"
            )
        errors = sum(fault.level == "error" for fault in done.faults)
        verdict = "conforms" if done.conforms else f"does not conform: {errors} rules are broken"
        click.echo(f"{path}: {done.rows:,} rows, {done.rules} rules of FOCUS {done.version}: {verdict}")
    if not done.conforms:
        raise SystemExit(1)
