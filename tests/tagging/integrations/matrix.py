"""Prints which call of which driver is tagged, as Markdown, from the notes that the tests leave in COSTLENS_MATRIX.

With a page (docs/tagging.md) the tables replace those that stand there between the two marks. What a run did not touch stays; with
`--whole` nothing of the drivers that it touched does.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "tagging.md"
NOT_RUN = "not run"
BEGIN, END = "<!-- matrix: begin -->", "<!-- matrix: end -->"
_ROW = re.compile(r"^\| (.+?) \|(.+)\|$")
Notes = dict[tuple[str, str, str], str]
"""(driver, version, call) -> whether it is tagged: `tagged`, `no`, or `absent` where that version has no such call."""


def read_notes(path: Path) -> Notes:
    """Return what tests noted."""
    found: Notes = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        driver, version, call, cell = line.split("\t")
        found[driver, version, call] = cell
    return found


def read_page(page: Path) -> Notes:
    """Return what the tables of a page say."""
    found: Notes = {}
    driver, versions = "", [""]
    for line in page.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].splitlines():
        row = _ROW.match(line)
        cells = [cell.strip() for cell in row.group(2).split("|")] if row else []
        if row and all(re.match(r"\d", cell) for cell in cells):
            driver, versions = row.group(1), cells
        elif row:
            found |= {
                (driver, version, row.group(1)): cell
                for version, cell in zip(versions, cells, strict=True)
                if cell != NOT_RUN
            }
    return found


def note(path: str | None, driver: str, version: str, call: str, cell: str) -> None:
    """Add a line to the notes; without notes, see that the page says this of the call, whatever the version."""
    if path:
        with Path(path).open("a", encoding="utf-8") as lines:
            lines.write(f"{driver}\t{version}\t{call}\t{cell}\n")
        return
    said = {found for (name, _, what), found in read_page(PAGE).items() if (name, what) == (driver, call)}
    assert cell in said, f"{PAGE.name} says {said or 'nothing'} of {driver}, {call}: make its tables anew"


def tables(notes: Notes) -> str:
    """Return one table per driver: a row per call, a column per version."""
    lines = []
    for driver in sorted({note[0] for note in notes}):
        versions = {version for name, version, _ in notes if name == driver}
        ordered = sorted(versions, key=lambda text: [int(part) for part in text.split(".")])
        lines += ["", f"| {driver} | {' | '.join(ordered)} |", f"|---|{'---|' * len(ordered)}"]
        for call in sorted({call for name, _, call in notes if name == driver}, key=str.lower):
            cells = [notes.get((driver, version, call), NOT_RUN) for version in ordered]
            lines.append(f"| {call} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(path: Path, page: Path | None, *, is_whole: bool) -> None:
    """Print the tables of a run; put them into the page, where one is given. A whole run forgets what the page said of its drivers."""
    notes = read_notes(path)
    print(tables(notes))
    if page is not None:
        kept = {
            key: cell for key, cell in read_page(page).items() if not (is_whole and key[0] in {n[0] for n in notes})
        }
        text = page.read_text(encoding="utf-8")
        before, after = text.partition(BEGIN)[0], text.partition(END)[2]
        page.write_text(f"{before}{BEGIN}\n{tables(kept | notes)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    given = [argument for argument in sys.argv[1:] if argument != "--whole"]
    main(Path(given[0]), Path(given[1]) if len(given) > 1 else None, is_whole="--whole" in sys.argv)
