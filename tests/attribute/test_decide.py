"""What several methods say becomes one answer; an asset of another team than better evidence named is not claimed."""

from __future__ import annotations

import json

import pytest

from costlens.attribute.decide import decide
from costlens.attribute.verdicts import Verdict

CODE = Verdict("code", 0.9, "analytics/jobs/purge.py:2", team="platform")
TOOL, READ = ("tool", 0.8), ("read", 0.7)


def asset_of(method: str, confidence: float, owner: str | None) -> Verdict:
    return Verdict(method, confidence, "says so", assets=(("marts/orders", 1.0),), owner=owner)


@pytest.mark.parametrize("weaker", [TOOL, READ])
def test_an_asset_of_the_same_team_makes_a_team_exact(weaker: tuple[str, float]) -> None:
    outcome = decide([CODE, asset_of(*weaker, "platform")])
    assert (outcome.rows, outcome.method) == ((("marts/orders", "platform", 1.0),), weaker[0])


@pytest.mark.parametrize("weaker", [TOOL, READ])
def test_an_asset_of_another_team_is_only_evidence(weaker: tuple[str, float]) -> None:
    outcome = decide([CODE, asset_of(*weaker, "growth")])
    assert (outcome.rows, outcome.method, outcome.confidence) == (((None, "platform", 1.0),), "code", 0.9)
    assert [entry["asset"] for entry in json.loads(outcome.evidence)] == [None, "marts/orders"]


def test_a_tools_asset_that_nobody_owns_is_the_teams() -> None:
    assert decide([CODE, asset_of(*TOOL, None)]).rows == (("marts/orders", "platform", 1.0),)


def test_who_works_there_does_not_outweigh_a_tools_asset_but_pays_for_a_read() -> None:
    person = Verdict("principal", 0.5, "user ADA", team="growth")
    assert decide([asset_of(*TOOL, "platform"), person]).method == "tool"
    assert decide([asset_of(*READ, "platform"), person]).rows == ((None, "growth", 1.0),)
