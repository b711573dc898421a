"""The pages of docs/ say what the code does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from costlens import registry

ROOT = Path(__file__).parent.parent
_spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
assert _spec is not None
assert _spec.loader is not None
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)


@pytest.mark.parametrize("page", generate.PAGES)
def test_generated_pages_are_current(page: str) -> None:
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert written == generate.PAGES[page]().rstrip() + "\n", "run `make docs`"


def test_every_setting_says_what_it_is() -> None:
    empty = [line for line in generate.configuration().splitlines() if line.startswith("| `") and line.endswith("|  |")]
    assert empty == []


def test_every_command_has_help_and_stands_in_the_readme_or_its_page() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for name in registry.modules("costlens.commands"):
        assert f"## costlens {name.replace('_', '-')}" in page


def test_links_between_pages_lead_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
