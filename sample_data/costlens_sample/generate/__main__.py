"""`python -m costlens_sample.generate [FOLDER]` writes the sample; without a folder, over the one that is shipped."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from costlens_sample import folder
from costlens_sample.generate import answer, arrivals, bigquery, bigquery_answer, estate, snowflake, truth
from costlens_sample.generate.account import simulate
from costlens_sample.generate.billing import bill
from costlens_sample.generate.clock import MONTH
from costlens_sample.generate.company import BIGQUERY, SNOWFLAKE
from costlens_sample.generate.files import write


def generate(target: Path) -> None:
    """Write exports, estate, truth and answer into a folder; the same files every time."""
    target.mkdir(parents=True, exist_ok=True)
    account = simulate()
    credited = bill(account)
    project = bigquery.simulate()
    charged = bigquery.charge(project)
    snowflake.export(account, credited, target / "snowflake")
    bigquery.export(project, charged, target / "bigquery")
    estate.write(target)
    write(target / "truth.parquet", truth.TRUTH, truth.rows(account, project))
    write(target / "arrivals.parquet", arrivals.ARRIVALS, arrivals.rows(account, credited, project))
    answers = {
        "month": MONTH,
        SNOWFLAKE: answer.snowflake(account, credited),
        BIGQUERY: bigquery_answer.bigquery(project, charged),
    }
    (target / "answer.json").write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else folder())
