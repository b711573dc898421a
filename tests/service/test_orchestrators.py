"""The service pulls orchestrators on schedule and receives OpenLineage events beside its own addresses."""

from __future__ import annotations

import httpx

from tests.openlineage.serving import event
from tests.service.conftest import Make
from tests.service.served import PATIENCE, Served


def test_events_are_received_and_pulled(make: Make) -> None:
    lineage = {"receive": "spool", "token": "t0ken"}
    company = make(
        assets=[{"yaml": "assets.yml"}, {"openlineage": lineage}], schedule={"sources": {"openlineage": "every 1s"}}
    )
    with Served(company.path) as service:
        url = f"{service.wait('listening')['url']}/api/v1/lineage"
        refused = httpx.post(url, json=event(), trust_env=False, timeout=PATIENCE)
        assert (refused.status_code, refused.json()) == (401, {"error": "the bearer token is missing or wrong"})
        answer = httpx.post(
            url, json=event(), headers={"Authorization": "Bearer t0ken"}, trust_env=False, timeout=PATIENCE
        )
        assert answer.status_code == 201
        service.wait("job done", job="sync:prod")
        service.wait("job done", job="pull:openlineage", message="openlineage: 1 runs, 2 materializations; 1 assets")
    assert company.sql(
        "select count(*), count(distinct run_id) from materializations where source = 'openlineage'"
    ) == [(2, 1)]
