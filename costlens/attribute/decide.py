"""The one place that decides: given what every method says of a subject, whose it is."""

from __future__ import annotations

import json
from collections.abc import Sequence

from costlens.attribute.verdicts import Outcome, Traits, Verdict

NONE = "none"
#: Method whose assets yield to a team that is known to have asked.
READ = "read"


def decide(verdicts: Sequence[Verdict]) -> Outcome:
    """Return the answer to verdicts in their order of precedence.

    The first that names assets says the assets, the first that names a team says the team (a fall-back: who owns the
    asset on the day comes before it when money is read). A read is paid by the team that asked, where that is known, and
    an asset of another team than better evidence named is not claimed: the team is, the asset stays in the evidence.
    Traits come from the first that tells them. All that spoke is kept as evidence.
    """
    speaking = [verdict for verdict in verdicts if verdict.speaks]
    traits = Traits()
    for verdict in verdicts:
        traits = traits.or_else(verdict.traits)
    by_asset = next((verdict for verdict in speaking if verdict.assets), None)
    by_team = next((verdict for verdict in speaking if verdict.team), None)
    team = by_team.team if by_team else None
    if by_asset and by_team and by_team.team != by_asset.owner:
        is_read = by_asset.method == READ  # the reader is known, and it is not who owns what is read
        if is_read or (by_asset.owner and speaking.index(by_team) < speaking.index(by_asset)):
            by_asset = None
    winner = by_asset or by_team
    evidence = json.dumps([entry for verdict in speaking for entry in verdict.evidence], ensure_ascii=False)
    if winner is None:
        return Outcome(((None, None, 1.0),), NONE, 0.0, evidence, traits)
    rows = tuple((asset, team, share) for asset, share in winner.assets) or ((None, team, 1.0),)
    return Outcome(rows, winner.method, winner.confidence, evidence, traits)
