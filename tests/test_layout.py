"""The house's own rules: imports go one way, modules and functions stay small, what is registered exists."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path for folder in ("costlens", "connectors", "dashboards", "sample_data") for path in (ROOT / folder).rglob("*.py")
)
#: Lower layers first; a module may import from its own layer and from those before it.
LAYERS = (
    {
        "columns",
        "compilers",
        "compiling",
        "emptiness",
        "errors",
        "fields",
        "equality",
        "model",
        "estate",
        "tagging",
        "startup",
        "rounding",
        "http_json",
        "__init__",
    },
    {"engine", "connector", "orchestrator", "marks", "masking"},
    {"dayfiles", "keys"},
    {
        "registry",
        "settings",
        "estates",
        "lineage",
        "price",
        "attribute",
        "trace",
        "daily",
        "runs",
        "details",
        "windows",
        "typed",
        "texts",
        "checks",
        "fixes",
    },
    {"exports", "exported", "ledger", "config"},
    {"testing", "reading", "reconcile", "ingest"},
    {
        "allocate",
        "anomaly",
        "blame",
        "blame_ledger",
        "budgets",
        "changes",
        "owners",
        "report",
        "rules_file",
        "runaway",
        "shapes",
        "unattributed",
        "why",
    },
    {"book", "coverage", "render"},
    {"focus", "orchestration", "statement"},
    {"alerts", "sync"},
    {"check", "service", "status"},
    {"commands"},
    {"__main__"},
)
CONNECTOR_MAY_IMPORT = {"connector", "orchestrator", "http_json", "model", "estate", "errors", "masking", "tagging"}


def _imports(path: Path) -> set[str]:
    """Return the CostLens modules that a file imports: `price` for costlens.price.rates."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "costlens" else [node.module]
            )
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("costlens.")}
    return found


def _layer(module: str) -> int:
    return next(number for number, names in enumerate(LAYERS) if module in names)


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if p.is_relative_to(ROOT / "costlens")], ids=lambda p: str(p.relative_to(ROOT))
)
def test_imports_go_one_way(path: Path) -> None:
    relative = path.relative_to(ROOT / "costlens")
    own = relative.parts[0].removesuffix(".py")
    for imported in _imports(path) - {"__version__", "asset"}:
        assert _layer(imported) <= _layer(own), f"{relative} imports costlens.{imported}, which stands above it"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "connectors").glob("*/**/*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_a_connector_imports_the_contract_only(path: Path) -> None:
    assert _imports(path) <= CONNECTOR_MAY_IMPORT


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_and_functions_are_small_and_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert text.count("\n") <= 400
    assert ast.get_docstring(tree), "a module opens with one sentence that says what it holds"
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno:
            assert node.end_lineno - node.lineno < 50, f"{node.name} is too long"


def test_each_folder_of_connectors_is_registered_and_the_other_way_round() -> None:
    registered = {point.value.partition(":")[0] for point in entry_points(group="costlens.connectors")}
    folders = {path.parent.name for path in (ROOT / "connectors").glob("costlens_*/sql")}
    assert registered == folders


def test_importing_costlens_loads_nothing_heavy() -> None:
    code = "import costlens, costlens.tagging, sys; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {
        "pandas",
        "pyarrow",
        "duckdb",
        "ibis",
        "sqlalchemy",
        "pydantic",
        "snowflake.connector",
        "google.cloud.bigquery",
        "click",
    }
    assert not heavy & set(loaded)


def test_help_loads_nothing_heavy() -> None:
    code = "import sys\nfrom costlens.commands import main\nmain(['--help'], standalone_mode=False)\nprint('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pandas", "pyarrow", "duckdb", "ibis", "sqlalchemy", "pydantic"} & set(loaded)


def test_the_checkout_is_not_on_the_path() -> None:
    """An editable install exposes what the wheel ships and nothing more; a class imported by two names is two classes."""
    done = subprocess.run([sys.executable, "-c", "import connectors"], capture_output=True, text=True, cwd="/")
    assert "ModuleNotFoundError" in done.stderr
