"""What the tests of the sample share."""

from __future__ import annotations

import json
from typing import Any

import pytest

from costlens_sample import folder


@pytest.fixture(scope="session")
def answer() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder() / "answer.json").read_text(encoding="utf-8"))
    return found
