"""The truth beside the exports: whom every query was for."""

from __future__ import annotations

from costlens_sample.generate.account import Account
from costlens_sample.generate.bigquery import Project, query_id
from costlens_sample.generate.company import BIGQUERY, SNOWFLAKE
from costlens_sample.generate.files import Row, schema

TRUTH = schema("""
source text
query_id text
asset text
team text
tool text
purpose text
environment text
evidence text
""")


def rows(account: Account, project: Project) -> list[Row]:
    """Return one row per query of both sources; `evidence` is the first kind that can name its asset or team."""
    sent = [(SNOWFLAKE, e.query_id, e.statement.truth) for e in account.executions]
    sent += [(BIGQUERY, query_id(run), run.job.truth) for run in project.runs]
    return [
        {
            "source": source,
            "query_id": number,
            "asset": truth.asset,
            "team": truth.team,
            "tool": truth.tool,
            "purpose": truth.purpose,
            "environment": truth.environment,
            "evidence": truth.evidence,
        }
        for source, number, truth in sent
    ]
