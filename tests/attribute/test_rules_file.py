"""Rules and assets are added as text: comments, order and quoting of a person's file stay."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from costlens.errors import UsageError
from costlens.estates.yaml_files import read_assets, read_teams
from costlens.rules_file import difference, replace, with_asset, with_rule

TEAMS = """# who pays
teams:
  - name: growth   # since 2024
    owns:
      - {role: 'GROWTH_*'}
      - user: GROWTH_SVC
        valid_from: 2026-09-01

  # the quiet ones
  - name: finance
    slack: "#finance"
"""


def test_a_rule_goes_to_the_end_of_a_teams_list() -> None:
    new = with_rule(TEAMS, "growth", "user", "ANN.LEE", "teams.yml")
    assert difference(TEAMS, new, Path("teams.yml")).splitlines()[3:] == [
        "       - user: GROWTH_SVC",
        "         valid_from: 2026-09-01",
        "+      - {user: ANN.LEE}",
        " ",
        "   # the quiet ones",
    ]


def test_a_team_without_rules_gets_a_list(tmp_path: Path) -> None:
    path = tmp_path / "teams.yml"
    path.write_text(with_rule(TEAMS, "finance", "pool", "FIN: WH", "teams.yml"))
    _, rules = read_teams(path)
    assert [(rule.team, rule.field, rule.pattern) for rule in rules][-1] == ("finance", "pool", "FIN: WH")
    assert path.read_text().startswith(TEAMS)


@given(st.text(min_size=1, max_size=40), st.sampled_from(["growth", "finance"]))
def test_any_name_of_a_user_is_read_back_as_it_is(name: str, team: str) -> None:
    if not name.isprintable():
        return
    entries = {
        entry["name"]: entry for entry in yaml.safe_load(with_rule(TEAMS, team, "user", name, "teams.yml"))["teams"]
    }
    assert entries[team]["owns"][-1] == {"user": name}


def test_a_team_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="no team 'nobody': known are growth, finance"):
        with_rule(TEAMS, "nobody", "user", "X", "teams.yml")


@pytest.mark.parametrize(
    "text", ["assets:\n  - key: a\n    relations: [A.B.C]\n\n# end\n", "assets:\n- key: a\n", "", "# nothing\n"]
)
def test_an_asset_goes_to_the_end_of_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "assets.yml"
    path.write_text(with_asset(text, "marts/orders", "DB.MARTS.ORDERS", "growth", "assets.yml"))
    assets, ownership = read_assets(path, 10, ["growth"])
    assert (assets[-1].key, assets[-1].relations) == ("marts/orders", ("DB.MARTS.ORDERS",))
    assert ownership[-1].team == "growth"
    assert all(line in path.read_text() for line in text.splitlines())


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "teams.yml"
    path.write_text("old")
    path.chmod(0o640)
    replace(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o640)
    assert [each.name for each in tmp_path.iterdir()] == ["teams.yml"]
    with pytest.raises(UsageError, match="nothing was changed"):
        replace(tmp_path / "gone" / "teams.yml", "new")
