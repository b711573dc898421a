"""A statement as an XLSX workbook: typed cells, formulas for the totals, one sheet a team; names are text, never formulas."""

from __future__ import annotations

import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill, Side
from openpyxl.styles.borders import Border
from openpyxl.utils import get_column_letter

from costlens.report import utc
from costlens.statement.build import asset_name, rows
from costlens.statement.lines import NOBODY, ZERO, Line
from costlens.statement.model import KIND_WORDS, Section, Statement
from costlens.statement.tables import Column, Table, Value, tables
from costlens.statement.words import change, footing, status

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

_FORMATS = {
    "money": "#,##0.00;[Red]-#,##0.00",
    "count": "#,##0.##",
    "percent": "0.0%",
    "unit": "#,##0.0000",
    "date": "yyyy-mm-dd",
}
_HEAD = PatternFill("solid", fgColor="E8EEF4")
_RULE = Border(top=Side("thin", "7A8088"))
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_FORBIDDEN = re.compile(r"[\[\]:*?/\\]")
#: A spreadsheet takes a text that begins with one of these for something else, if it is typed in.
_FORMULA = ("=", "+", "-", "@")
_WIDEST = 60


def as_xlsx(statement: Statement) -> bytes:
    """Return the workbook; the same statement makes the same bytes."""
    book = Workbook()
    first = book.active
    assert first is not None
    book.remove(first)
    names: set[str] = set()
    several = len(statement.sections) > 1
    for section in statement.sections:
        suffix = f" {section.currency}" if several else ""
        links = {}
        summary = book.create_sheet(_sheet_name(f"Summary{suffix}", names))
        if not statement.team:
            for row in section.owners:
                mine = [line for line in section.lines if line.owner == row.name]
                sheet = book.create_sheet(_sheet_name(f"{row.name}{suffix}", names))
                links[row.name] = _team_sheet(sheet, row.name, mine, section, statement)
        _summary(summary, section, statement, links)
        _put_table(_titled(book.create_sheet(_sheet_name(f"Lines{suffix}", names))), 1, _lines(section))
        sheet = book.create_sheet(_sheet_name(f"Reconciliation{suffix}", names))
        at = 1
        for table in tables(section, statement):
            if table.key in ("services", "days"):
                at = _put_table(sheet, at, table) + 2
        _widths(sheet)
    for sheet in book:
        sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
        sheet.page_setup.fitToHeight, sheet.sheet_properties.pageSetUpPr.fitToPage = 0, True
    stamp = utc(statement.as_of).replace(tzinfo=None)
    book.properties.created = book.properties.modified = stamp
    book.properties.creator = "CostLens"
    book.properties.title = statement.title
    book.calculation.fullCalcOnLoad = True
    return _settled(book)


def _summary(sheet: Worksheet, section: Section, statement: Statement, links: dict[str, str]) -> None:
    _text(sheet, 1, 1, statement.title).font = Font(bold=True, size=16)
    _text(sheet, 2, 1, status(statement)).font = Font(color="5B626B")
    _text(sheet, 3, 1, change(section, statement))
    at = 5
    for table in tables(section, statement):
        if table.key not in ("services", "days", "assets"):
            at = _put_table(sheet, at, table, links if table.key == "teams" else {}) + 2
    if section.drivers:
        at = _put_table(sheet, at, _drivers(section)) + 2
    for line in footing(statement):
        _text(sheet, at, 1, line).font = Font(color="5B626B", italic=True)
        at += 1
    _widths(sheet)


def _drivers(section: Section) -> Table:
    columns = (Column("why it changed"), Column("change", "money", adds_up=True))
    return Table("drivers", "Why it changed", columns, tuple((one.words, one.amount) for one in section.drivers))


def _team_sheet(sheet: Worksheet, name: str, lines: Sequence[Line], section: Section, statement: Statement) -> str:
    """Write what an owner pays, by category and by asset; return the reference of its total."""
    _text(sheet, 1, 1, f"{name} · {statement.month} · {section.currency}").font = Font(bold=True, size=14)
    columns = (Column("category"), Column("cost", "money", adds_up=True), Column("queries", "count", adds_up=True))
    found = rows(lines, None, lambda line: line.category or "other")
    by_category = Table("c", "By category", columns, tuple((row.name, row.cost, row.queries) for row in found))
    at = _put_table(sheet, 3, by_category)
    total = f"'{sheet.title.replace(chr(39), chr(39) * 2)}'!B{at}"
    kinds: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for line in lines:
        kinds[asset_name(line), KIND_WORDS[line.kind]] += line.cents
    columns = (Column("asset"), Column("how it came here"), Column("cost", "money", adds_up=True))
    ordered = sorted(((*key, cents) for key, cents in kinds.items() if cents), key=lambda row: (-row[2], row))
    _put_table(sheet, at + 2, Table("a", "By asset", columns, tuple(ordered)))
    _widths(sheet)
    return total


def _lines(section: Section) -> Table:
    """Return every amount of the section by owner, asset, category and how it came there."""
    sums: dict[tuple[str, ...], Decimal] = defaultdict(lambda: ZERO)
    for line in section.lines:
        key = (
            *(line.owner, line.asset or "", line.category or "", KIND_WORDS[line.kind], line.rule or ""),
            *(line.source, line.service or "", line.pool or "", line.origin_team or "", line.corrects or ""),
        )
        sums[key] += line.cents
    names = ("team", "asset", "category", "kind", "rule", "source", "service", "pool", "was", "corrects")
    columns = (*(Column(name) for name in names), Column("cost", "money", adds_up=True))
    found: list[tuple[Value, ...]] = [(*key, cents) for key, cents in sorted(sums.items()) if cents]
    return Table("lines", "", columns, tuple(found))


def _titled(sheet: Worksheet) -> Worksheet:
    sheet.freeze_panes = "A2"
    return sheet


def _put_table(sheet: Worksheet, at: int, table: Table, links: dict[str, str] | None = None) -> int:
    """Write a table from row `at` on; return its last row. `links`: name -> reference that its cost is taken from."""
    if table.title:
        _text(sheet, at, 1, table.title).font = Font(bold=True, size=12)
        at += 1
    for place, column in enumerate(table.columns, 1):
        cell = _text(sheet, at, place, column.name)
        cell.font, cell.fill = Font(bold=True), _HEAD
        cell.alignment = Alignment(horizontal="left" if column.kind in ("text", "date") else "right", wrap_text=True)
    first = at + 1
    for row in table.rows:
        at += 1
        for place, (column, value) in enumerate(zip(table.columns, row, strict=True), 1):
            link = (links or {}).get(str(row[0])) if column.name == "cost" else None
            _put(sheet, at, place, column, f"={link}" if link else value, is_formula=link is not None)
    if table.has_total and table.rows:
        at += 1
        for place, column in enumerate(table.columns, 1):
            letter = get_column_letter(place)
            formula = f"=SUM({letter}{first}:{letter}{at - 1})"
            last: Value = formula if column.adds_up else ("total" if place == 1 else None)
            cell = _put(sheet, at, place, column, last, is_formula=column.adds_up)
            cell.font, cell.border = Font(bold=True), _RULE
    return at


def _put(sheet: Worksheet, row: int, place: int, column: Column, value: Value, *, is_formula: bool = False) -> Cell:
    if is_formula:
        cell = sheet.cell(row, place, str(value))
    elif value is None or value == "":
        cell = sheet.cell(row, place)
    elif isinstance(value, str):
        return _text(sheet, row, place, value)
    else:
        cell = sheet.cell(row, place, value if isinstance(value, date | Decimal) else round(float(value), 6))
    cell.number_format = _FORMATS.get(column.kind, "General")
    return cell


def _text(sheet: Worksheet, row: int, place: int, value: str) -> Cell:
    """Write a name: a string whatever it begins with, marked so that editing it does not make it a formula."""
    cell: Cell = sheet.cell(row, place)
    cell.value = _printable(value)[:32_000]
    cell.data_type = "s"
    if value.startswith(_FORMULA):
        cell.quotePrefix = True
    return cell


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _sheet_name(name: str, taken: set[str]) -> str:
    """Return a name that a workbook takes: 31 characters, none of its own signs, unlike the others."""
    clean = _FORBIDDEN.sub("_", "".join(c if c.isprintable() else "_" for c in name)).strip("' ") or "_"
    clean = clean if name not in NOBODY else name
    made, number = clean[:31], 1
    while made.lower() in taken or made.lower() == "history":
        number += 1
        made = f"{clean[: 31 - len(str(number)) - 1]}_{number}"
    taken.add(made.lower())
    return made


def _widths(sheet: Worksheet) -> None:
    widths: dict[int, int] = defaultdict(int)
    for row in sheet.iter_rows(min_row=4):
        for cell in row:
            if cell.value is not None and not str(cell.value).startswith("="):
                widths[cell.column] = max(widths[cell.column], len(str(cell.value)))
    for place, width in widths.items():
        sheet.column_dimensions[get_column_letter(place)].width = min(max(width + 2, 12), _WIDEST)


def _settled(book: Workbook) -> bytes:
    """Return the file with the dates of its parts fixed, so that nothing but the figures decides its bytes."""
    raw = io.BytesIO()
    book.save(raw)
    made = io.BytesIO()
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            body = source.read(name)
            if name == "docProps/core.xml":  # openpyxl stamps the time of saving
                stamp = f"{book.properties.created:%Y-%m-%dT%H:%M:%S}Z".encode()
                body = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stamp, body)
            part = zipfile.ZipInfo(name, _ZIP_DATE)
            part.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(part, body)
    return made.getvalue()
