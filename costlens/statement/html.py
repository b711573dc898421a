"""A statement as one HTML file that needs nothing else: no script, no link; charts are inline SVG."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from costlens.render import amount
from costlens.statement.charts import svgs
from costlens.statement.model import Section, Statement
from costlens.statement.tables import Column, Value, tables
from costlens.statement.words import change, footing, status

#: Assets that are shown; all are in the CSV and the XLSX form.
_ASSETS = 60
_FOLDED = ("allocated", "services", "days")


def as_html(statement: Statement) -> str:
    """Return the statement; every name is escaped, none can run."""
    environment = Environment(
        loader=PackageLoader("costlens.statement"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["shown"] = shown
    sections = [
        {
            "section": section,
            "change": change(section, statement),
            "charts": [(title, _inline(svg)) for title, svg in svgs(section, statement)],
            "tables": tables(section, statement, assets=_ASSETS),
            "facts": _facts(section, statement),
        }
        for section in statement.sections
    ]
    return environment.get_template("statement.html").render(
        statement=statement, status=status(statement), sections=sections, footing=footing(statement), folded=_FOLDED
    )


def _facts(section: Section, statement: Statement) -> list[tuple[str, str]]:
    """Return the figures at the top."""
    found = []
    if section.before is not None:
        found.append(("month before", amount(section.before)))
    if statement.team:
        found.append(("all teams", amount(section.everyone)))
    else:
        balance = section.reconciliation
        found.append(("charged", amount(balance.charged)))
        found.append(("billed", "not known" if balance.billed is None else amount(balance.billed)))
        found.append(("residual", "not known" if balance.residual is None else amount(balance.residual)))
        found.append(("attributed", f"{section.attributed:.1%}"))
    return found


def shown(value: Value, column: Column) -> str:
    """Return a cell's text."""
    if value is None:
        return "–"
    if column.kind == "money" and isinstance(value, Decimal):
        return amount(value)
    if column.kind == "count" and not value:
        return "–"
    if column.kind == "unit" and isinstance(value, Decimal):
        return f"{value:,.4f}"
    if column.kind == "percent" and isinstance(value, float):
        return f"{value:+.1%}" if column.name.startswith("change") else f"{value:.0%}"
    if column.kind == "count" and isinstance(value, int | float):
        return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.2f}"
    if isinstance(value, date):
        return value.isoformat()
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value))


def _inline(svg: str) -> Markup:
    """Return a chart's SVG for a page: our own drawing, whose texts are escaped; anything that could run is refused."""
    if re.search(r"<script|\son\w+\s*=|javascript:|<foreignObject", svg, re.IGNORECASE):
        raise ValueError("a chart holds something that could run")
    return Markup(svg)  # noqa: S704 (escaped by the renderer, checked above)
