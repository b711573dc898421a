"""The forms of a statement: what writes each, and the documents of a closed month, which are kept from their first printing on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

from costlens.ledger import closes

if TYPE_CHECKING:
    from costlens.ledger import Ledger
    from costlens.statement.build import Facts
    from costlens.statement.model import Statement


@dataclass(frozen=True)
class Form:
    """One way to write a statement: a function of a module that is imported when it is wanted."""

    name: str
    module: str
    function: str
    suffix: str
    media_type: str
    has_charts: bool = False

    def load(self) -> None:
        """Load what writes it, in a thread of its own: it is there when the figures are."""
        Thread(target=self._load, name="costlens-form").start()

    def _load(self) -> None:
        with suppress(Exception):  # who writes the statement meets it again, and tells it
            import_module(self.module)
            if self.has_charts:
                import_module("costlens.statement.charts").ready()

    def render(self, statement: Statement) -> bytes:
        """Return the statement in this form."""
        write: Callable[[Statement], str | bytes] = getattr(import_module(self.module), self.function)
        made = write(statement)
        return made if isinstance(made, bytes) else made.encode()


_SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMS = {
    form.name: form
    for form in (
        Form("table", "costlens.statement.text", "as_table", "txt", "text/plain"),
        Form("csv", "costlens.statement.data", "as_csv", "csv", "text/csv"),
        Form("json", "costlens.statement.data", "as_json", "json", "application/json"),
        Form("html", "costlens.statement.html", "as_html", "html", "text/html", has_charts=True),
        Form("xlsx", "costlens.statement.xlsx", "as_xlsx", "xlsx", _SHEET),
        Form("pdf", "costlens.statement.pdf", "as_pdf", "pdf", "application/pdf", has_charts=True),
    )
}


def printed(ledger: Ledger, facts: Facts, form: Form, team: str | None, source: str | None) -> bytes:
    """Return a statement in a form; of a closed month the same bytes every time, whatever became of ledger and code since."""
    from costlens.statement.build import statement

    if facts.closed is None:
        return form.render(statement(facts, team, source))
    record = next(one for one in closes.records(ledger.database) if one.id == facts.closed.number)
    name = "/".join((form.name, team or "", source or ""))
    kept = closes.document(ledger.database, record, name)
    if kept is not None:
        return kept
    return closes.keep_document(ledger.database, record, name, form.render(statement(facts, team, source)))
