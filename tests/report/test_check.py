"""`costlens check` of a source that cannot be reached yet."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from costlens.commands import main


def test_what_will_be_needed_is_told_before_one_can_sign_in(tmp_path: Path) -> None:
    """One line says why, the name of the source stands once, and the grants can be asked for at one go."""
    path = tmp_path / "costlens.yml"
    path.write_text(
        "sources:\n  - {name: bq, type: bigquery, project: my-project, regions: [us], credentials_file: none.json}\n"
    )
    done = CliRunner().invoke(main, ["check", "--config", str(path)])
    assert done.exit_code == 1
    assert "error    bq: credentials_file none.json cannot be used" in done.stdout
    assert "  roles/bigquery.resourceViewer" in done.stdout.split("once it is reached, it needs:")[1]
