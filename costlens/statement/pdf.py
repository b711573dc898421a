"""A statement as a PDF for paper and mail: numbered pages, a plot, tables whose heads repeat."""

from __future__ import annotations

import io
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Image, KeepTogether, LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from costlens.render import amount
from costlens.statement.charts import pngs
from costlens.statement.html import shown
from costlens.statement.model import Section, Statement
from costlens.statement.tables import Column, Table, tables
from costlens.statement.words import change, footing, status

_INK, _SOFT, _LINE = colors.HexColor("#16191d"), colors.HexColor("#5b626b"), colors.HexColor("#c9ced4")
_ACCENT, _BAND = colors.HexColor("#0060a0"), colors.HexColor("#f3f5f7")
_MARGIN = 16 * mm
_WIDTH = A4[0] - 2 * _MARGIN
#: What figures may take of the width, and up to where a name is not broken.
_FIGURES, _SHORT = 0.65, 31 * mm
_ASSETS, _ALLOCATED, _DAYS = 40, 60, 60
#: Before a text column this is cut, so that one name fills no page.
_LONGEST = 120


def as_pdf(statement: Statement) -> bytes:
    """Return the document; the same statement makes the same bytes."""
    made = io.BytesIO()
    fonts = _fonts()
    document = SimpleDocTemplate(
        made,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=18 * mm,
        bottomMargin=18 * mm,
        title=statement.title,
        author="CostLens",
        subject=status(statement),
        invariant=1,
    )
    story: list[Any] = []
    for section in statement.sections:
        story += _section(section, statement, fonts)

    class Numbered(_NumberedCanvas):
        title, state, font = statement.title, status(statement), fonts.regular

    document.build(story, canvasmaker=Numbered)
    return made.getvalue()


class _Fonts:
    """Names of fonts and the styles made of them."""

    def __init__(self, regular: str, bold: str) -> None:
        self.regular, self.bold = regular, bold
        self.soft = ParagraphStyle("soft", fontName=regular, fontSize=9, textColor=_SOFT, leading=12)
        self.note = ParagraphStyle("note", fontName=regular, fontSize=7.5, textColor=_SOFT, leading=10)
        self.who = ParagraphStyle("who", fontName=bold, fontSize=21, textColor=_INK, leading=26)
        self.total = ParagraphStyle("total", fontName=bold, fontSize=23, textColor=_ACCENT, leading=30, spaceBefore=8)
        self.head = ParagraphStyle(
            "head", fontName=bold, fontSize=11.5, textColor=_INK, leading=15, spaceBefore=13, spaceAfter=4
        )
        self.cell = ParagraphStyle(
            "cell", fontName=regular, fontSize=7.8, textColor=_INK, leading=9.6, splitLongWords=1
        )
        self.name = ParagraphStyle("name", parent=self.cell, textColor=_SOFT, fontName=bold, fontSize=7.2)
        self.right = ParagraphStyle("right", parent=self.name, alignment=TA_RIGHT)
        self.sum = ParagraphStyle("sum", parent=self.cell, fontName=bold)


def _fonts() -> _Fonts:
    """Return a font that knows more letters than Latin where the machine has it, else the one that every reader has."""
    try:
        for name, file in (("CostLens", "DejaVuSans.ttf"), ("CostLens-Bold", "DejaVuSans-Bold.ttf")):
            pdfmetrics.registerFont(TTFont(name, file))
    except TTFError:
        return _Fonts("Helvetica", "Helvetica-Bold")
    return _Fonts("CostLens", "CostLens-Bold")


def _section(section: Section, statement: Statement, fonts: _Fonts) -> list[Any]:
    story: list[Any] = [
        Paragraph(_safe(f"Statement of {statement.month}"), fonts.soft),
        Paragraph(_safe(statement.team or "All teams"), fonts.who),
        Paragraph(_safe(status(statement)), fonts.soft),
        Paragraph(_safe(f"{amount(section.total)} {section.currency}"), fonts.total),
        Paragraph(_safe(change(section, statement)), fonts.soft),
        *(Paragraph(_safe(line), fonts.soft) for line in _facts(section, statement)),
        *(Paragraph(_safe(line), fonts.note) for line in footing(statement)),
        Spacer(1, 4 * mm),
    ]
    for title, png in pngs(section, statement):
        story.append(KeepTogether([Paragraph(_safe(title), fonts.note), _image(png)]))
    if section.drivers:
        story.append(_table(_drivers(section), fonts))
        story += (
            [Paragraph(_safe(f"Changed most: {'; '.join(section.changes)}."), fonts.note)] if section.changes else []
        )
    for table in tables(section, statement, assets=_ASSETS):
        story.append(_table(_shortened(table), fonts))
        story += [Paragraph(_safe(table.note), fonts.note)] if table.note else []
    return story


def _facts(section: Section, statement: Statement) -> list[str]:
    balance = section.reconciliation
    billed = "not known" if balance.billed is None else amount(balance.billed)
    residual = "not known" if balance.residual is None else amount(balance.residual)
    whole = f"All teams: charged {amount(balance.charged)}, billed {billed}, residual {residual} {section.currency}"
    return [whole] if not statement.team else [f"{amount(section.everyone)} {section.currency} for all teams", whole]


def _drivers(section: Section) -> Table:
    columns = (Column("why it changed"), Column("change", "money", adds_up=True))
    return Table("drivers", "Why it changed", columns, tuple((one.words, one.amount) for one in section.drivers))


def _shortened(table: Table) -> Table:
    """Leave out the columns and rows that paper has no room for; the other forms have them."""
    limit = {"allocated": _ALLOCATED, "days": _DAYS}.get(table.key)
    if limit is None or len(table.rows) <= limit:
        return table
    note = f"{table.note} {len(table.rows) - limit:,} more rows are in the other forms.".strip()
    if not table.has_total:
        return Table(table.key, table.title, table.columns, table.rows[:limit], note)
    ordered = sorted(table.rows, key=lambda row: -abs(row[-1]))  # type: ignore[arg-type, operator]
    rest = sum(row[-1] for row in ordered[limit:])  # type: ignore[misc]
    blank: tuple[Any, ...] = ("(more)", *(None for _ in table.columns[2:]), rest)
    return Table(table.key, table.title, table.columns, (*ordered[:limit], blank), note)


def _table(table: Table, fonts: _Fonts) -> LongTable:
    widths = _widths(table, fonts)
    title = [Paragraph(_safe(table.title), fonts.head), *("" for _ in table.columns[1:])]
    head = [
        Paragraph(_safe(column.name), fonts.name if column.kind in ("text", "date") else fonts.right)
        for column in table.columns
    ]
    body = [
        [_cell(value, column, fonts.cell) for value, column in zip(row, table.columns, strict=True)]
        for row in table.rows
    ]
    style = [
        ("SPAN", (0, 0), (-1, 0)),
        ("LINEBELOW", (0, 1), (-1, 1), 0.7, _SOFT),
        ("LINEBELOW", (0, 2), (-1, -1), 0.25, _LINE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("VALIGN", (0, 1), (-1, 1), "BOTTOM"),
        ("FONT", (0, 1), (-1, -1), fonts.regular, 7.8),
        ("TEXTCOLOR", (0, 1), (-1, -1), _INK),
        ("TOPPADDING", (0, 0), (-1, -1), 1.8),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.4),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 3),
        *(("ALIGN", (n, 1), (n, -1), "RIGHT") for n, c in enumerate(table.columns) if c.kind not in ("text", "date")),
    ]
    if table.has_total:
        total = [
            "" if value is None else _cell(value, column, fonts.sum)
            for value, column in zip(table.total, table.columns, strict=True)
        ]
        body.append(total)
        style += [
            ("FONT", (0, -1), (-1, -1), fonts.bold, 7.8),
            ("LINEABOVE", (0, -1), (-1, -1), 0.7, _SOFT),
            ("BACKGROUND", (0, -1), (-1, -1), _BAND),
        ]
    return LongTable(
        [title, head, *body], colWidths=widths, repeatRows=2, style=TableStyle(style), hAlign="LEFT", spaceBefore=9
    )


def _cell(value: Any, column: Column, style: ParagraphStyle) -> Any:
    text = shown(value, column)
    if column.kind != "text":
        return text
    return Paragraph(_safe(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"), style)


def _widths(table: Table, fonts: _Fonts) -> list[float]:
    """Return widths that fill the page: figures and short names take what they need, longer ones share the rest."""
    columns = table.columns
    needs = [_need(table, place, fonts) for place in range(len(columns))]
    given = sum(need for need, column in zip(needs, columns, strict=True) if column.kind != "text")
    scale = min(1.0, _WIDTH * _FIGURES / given) if given else 1.0
    rest = _WIDTH - given * scale
    names = {place: needs[place] for place, column in enumerate(columns) if column.kind == "text"}
    short = {place: need for place, need in names.items() if need <= _SHORT}
    long = {place: need**0.8 for place, need in names.items() if place not in short}
    if sum(names.values()) <= rest or not long or sum(short.values()) > rest / 2:
        short, long = {}, names
    share = (rest - sum(short.values())) / sum(long.values()) if long else 0.0
    shared = {**short, **{place: length * share for place, length in long.items()}}
    return [shared.get(place, need * scale) for place, need in enumerate(needs)]


def _need(table: Table, place: int, fonts: _Fonts) -> float:
    """Return how wide a column's texts are, a word of its head at least."""
    column = table.columns[place]
    values = [row[place] for row in table.rows] + ([table.total[place]] if table.has_total else [])
    texts = [*column.name.split(), *("" if value is None else shown(value, column)[:_LONGEST] for value in values)]
    widest: float = max(pdfmetrics.stringWidth(text, fonts.bold, fonts.cell.fontSize) for text in texts)
    return widest + 9


def _image(png: bytes) -> Image:
    width, height = ImageReader(io.BytesIO(png)).getSize()
    scale = min(_WIDTH / width, 0.26)
    return Image(io.BytesIO(png), width * scale, height * scale, hAlign="LEFT")


def _safe(text: str) -> str:
    """Return a text for a paragraph, whose markup is not the text's."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


class _NumberedCanvas(Canvas):  # type: ignore[misc]
    """Writes `page n of m` once it is known how many there are."""

    title = ""
    state = ""
    font = "Helvetica"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 (reportlab's name)
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for page in self._pages:
            self.__dict__.update(page)
            self.setFont(self.font, 7.5)
            self.setFillColor(_SOFT)
            title = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in self.title)
            self.drawString(_MARGIN, 10 * mm, f"{title[:70]} · {self.state[:60]}")
            self.drawRightString(A4[0] - _MARGIN, 10 * mm, f"page {self._pageNumber} of {len(self._pages)}")
            self.setStrokeColor(_ACCENT)
            self.setLineWidth(1.4)
            self.line(_MARGIN, A4[1] - 13 * mm, A4[0] - _MARGIN, A4[1] - 13 * mm)
            super().showPage()
        super().save()
