"""Version 5 of the Snowflake driver, a rewrite, in an environment of its own (`.venv-snowflake5`); run by path only.

Made by `uv venv .venv-snowflake5` and `uv pip install -p .venv-snowflake5/bin/python 'snowflake-connector-python>=5,<6'
pytest editables -e '.[service]'`.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-snowflake5" / "bin" / "python"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the other environment's Python; AWS' address is not asked who we are, loopback is not reached by a proxy."""
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment = {**clean, "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1"}
    return subprocess.run([PYTHON, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)


def test_the_wire_tests_pass_on_version_5() -> None:
    version = run("-c", "import snowflake.connector; print(snowflake.connector.__version__)").stdout.strip()
    assert version.startswith("5."), f"not version 5: {version!r}"
    done = run("-m", "pytest", "tests/snowflake/test_wire.py", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
