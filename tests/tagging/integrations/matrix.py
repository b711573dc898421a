"""Prints which call of which driver is tagged, as Markdown, from the notes that the tests leave in COSTLENS_MATRIX."""

from __future__ import annotations

import sys
from pathlib import Path


def main(notes: Path) -> None:
    """Print one table per driver: a row per call, a column per version."""
    lines = {tuple(line.split("\t")) for line in notes.read_text().splitlines()}
    for driver in sorted({line[0] for line in lines}):
        found = {(version, call) for name, version, call in lines if name == driver}
        versions = sorted({version for version, _ in found}, key=lambda text: [int(part) for part in text.split(".")])
        print(f"\n| {driver} | {' | '.join(versions)} |\n|---|{'---|' * len(versions)}")
        for call in sorted({call for _, call in found}, key=str.lower):
            print(f"| {call} | {' | '.join('tagged' if (each, call) in found else 'not run' for each in versions)} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
