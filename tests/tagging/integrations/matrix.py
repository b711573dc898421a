"""Prints which call of which driver is tagged, as Markdown, from the notes that the tests leave in COSTLENS_MATRIX.

With a page (docs/tagging.md) the tables replace those that stand there between the two marks; what a run did not touch stays.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

BEGIN, END = "<!-- matrix: begin -->", "<!-- matrix: end -->"
_ROW = re.compile(r"^\| (.+?) \|(.+)\|$")
Notes = set[tuple[str, str, str]]
"""(driver, version, call)"""


def read_notes(path: Path) -> Notes:
    """Return what tests noted."""
    return {(driver, version, call) for driver, version, call in map(_parts, path.read_text().splitlines())}


def _parts(line: str) -> tuple[str, str, str]:
    driver, version, call = line.split("\t")
    return driver, version, call


def read_page(page: Path) -> Notes:
    """Return what the tables of a page say."""
    found: Notes = set()
    driver, versions = "", [""]
    for line in page.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].splitlines():
        row = _ROW.match(line)
        cells = [cell.strip() for cell in row.group(2).split("|")] if row else []
        if row and all(re.match(r"\d", cell) for cell in cells):
            driver, versions = row.group(1), cells
        elif row:
            found |= {
                (driver, version, row.group(1))
                for version, cell in zip(versions, cells, strict=True)
                if cell == "tagged"
            }
    return found


def tables(notes: Notes) -> str:
    """Return one table per driver: a row per call, a column per version."""
    lines = []
    for driver in sorted({note[0] for note in notes}):
        found = {(version, call) for name, version, call in notes if name == driver}
        versions = sorted({version for version, _ in found}, key=lambda text: [int(part) for part in text.split(".")])
        lines += ["", f"| {driver} | {' | '.join(versions)} |", f"|---|{'---|' * len(versions)}"]
        for call in sorted({call for _, call in found}, key=str.lower):
            lines.append(
                f"| {call} | {' | '.join('tagged' if (each, call) in found else 'not run' for each in versions)} |"
            )
    return "\n".join(lines) + "\n"


def main(path: Path, page: Path | None) -> None:
    """Print the tables of a run; put them into the page, where one is given."""
    notes = read_notes(path)
    print(tables(notes))
    if page is not None:
        text = page.read_text(encoding="utf-8")
        before, after = text.partition(BEGIN)[0], text.partition(END)[2]
        page.write_text(f"{before}{BEGIN}\n{tables(notes | read_page(page))}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
