"""The company's ledger, once for the tests that only read it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from costlens.config import Config
from costlens.ledger import Ledger
from costlens.statement.asked import ask
from costlens.statement.build import Facts
from costlens.statement.gather import gather

from . import company


@pytest.fixture(scope="package")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return company.config(tmp_path_factory.mktemp("company"))


@pytest.fixture(scope="package")
def ledger(settings: Config) -> Iterator[Ledger]:
    with company.open_ledger(settings) as opened:
        company.write(opened, company.world())
        yield opened


@pytest.fixture(scope="package")
def facts(settings: Config, ledger: Ledger) -> Facts:
    return gather(ledger, ask(settings, "2026-10"))
