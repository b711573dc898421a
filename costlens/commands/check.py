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
def command(config_path: Path, as_json: bool) -> None:
    """Say what is reached, which grant or setting is missing (with the statement that grants it), which rows were no use."""
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
