"""The section `attribution` of costlens.yml, and tags that no one would write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from costlens.config import parse_config
from costlens.errors import ConfigError
from costlens.masking import mask_tag
from costlens.settings.attribution import Settings

from .world import answers


def test_the_section_is_read(tmp_path: Path) -> None:
    text = "attribution:\n  asset_keys: [model]\n  users: {ci: ['robot*']}\n"
    settings = parse_config(text, tmp_path / "costlens.yml").section(Settings)
    assert (settings.asset_keys, settings.team_keys, settings.users) == (["model"], ["team"], {"ci": ["robot*"]})


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"attribution\.asset_key: unknown key: did you mean `asset_keys`"):
        parse_config("attribution: {asset_key: [model]}", tmp_path / "costlens.yml")


HOSTILE = ["x\0y", "\ud800", "😀" * 200, "a'b\"c\\", "*/ --", "\n", "x" * 10_000, "${x}", "a\u202eb"]


def test_hostile_names_pass_through() -> None:
    tags = [mask_tag(json.dumps({"_cl": {"a": [name]}})) for name in HOSTILE]
    rows = answers(queries=[{"query_id": str(number), "tag": tag} for number, tag in enumerate(tags)])
    found = {int(row["subject_id"]): row["asset"] for row in rows}
    assert found == {n: "?" if name == "\ud800" else name for n, name in enumerate(HOSTILE)}
