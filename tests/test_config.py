"""costlens.yml: what is wrong is said in one line, secrets never."""

from __future__ import annotations

from pathlib import Path

import pytest

from costlens.config import load_config, parse_config
from costlens.errors import ConfigError

SECRET = "s3cr3t-Xy7"
SOURCE = "sources: [{name: a, type: snowflake, export: ./x}]\n"


def parsed(text: str, tmp_path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, tmp_path / "costlens.yml")
    return str(caught.value).replace(str(tmp_path), "")


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file: run `costlens init`"):
        load_config(tmp_path / "costlens.yml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("laek: x", "/costlens.yml: laek: unknown key: did you mean `lake`?"),
        (
            "sources: [{name: a, type: snowflake, exprot: x}]",
            "/costlens.yml: sources[0].exprot: unknown key: did you mean `export`?",
        ),
        ("sources: [{name: a, type: oracle}]", "no connector of type 'oracle': installed are bigquery, snowflake"),
        ("sources: [{name: a}]", "/costlens.yml: sources[0]: `type` is missing: one of bigquery, snowflake"),
        ("sources: {}", "/costlens.yml: sources: input should be a valid list"),
        ("a: [", "/costlens.yml, line 1: not valid YAML"),
        ("- a", "the top level must be keys and values"),
        ("lake: ${NOT_SET}", "/costlens.yml: lake: environment variable NOT_SET is not set"),
        ("lake: ${file:/no/such}", "/costlens.yml: lake: file /no/such cannot be read"),
        (SOURCE.replace("a,", "'a b',"), "/costlens.yml: sources[0].name: string should match pattern"),
        (
            "sources: [{name: a, type: snowflake, export: x}, {name: a, type: snowflake, export: y}]",
            "sources: two are called 'a'",
        ),
    ],
)
def test_what_is_wrong_is_one_line_with_place_and_remedy(text: str, message: str, tmp_path: Path) -> None:
    said = parsed(text, tmp_path)
    assert message in said
    assert "\n" not in said


def test_secrets_come_from_environment_and_files_and_are_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", SECRET)
    (tmp_path / "key").write_text(SECRET + "\n")
    config = parse_config("database: postgresql+psycopg://u:${file:key}@h/d\n" + SOURCE, tmp_path / "costlens.yml")
    assert config.root.database == f"postgresql+psycopg://u:{SECRET}@h/d"
    assert SECRET not in repr(config)
    said = parsed(
        "lake: ['${PASSWORD}']\ndatabase: ['${PASSWORD}']\nsources: [{name: a, type: snowflake, account: ['${PASSWORD}']}]",
        tmp_path,
    )
    assert SECRET not in said
    assert "lake: input should be a valid string" in said


def test_paths_start_from_the_file(tmp_path: Path) -> None:
    config = parse_config(SOURCE, tmp_path / "costlens.yml")
    assert config.root.lake == str(tmp_path / ".costlens" / "lake")
    assert config.root.database == f"sqlite:///{tmp_path}/.costlens/costlens.db"
    assert config.sources[0].settings.export == tmp_path / "x"


def test_a_value_of_the_wrong_form_is_told_in_the_words_of_yaml(tmp_path: Path) -> None:
    path = tmp_path / "costlens.yml"
    path.write_text("sources:\n  - {name: bq, type: bigquery, project: my-project, regions: us}\n")
    with pytest.raises(ConfigError, match=r"sources\[0\].regions: input should be a list: write it as \[a, b\]"):
        load_config(path)
