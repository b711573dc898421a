"""The receiver over real HTTP: what it takes, what it refuses and why, and that what it took survives SIGKILL."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from costlens_openlineage.receiver import routes
from costlens_openlineage.records import attempt, record_of
from costlens_openlineage.spool import drop, lines_of, segments
from tests.openlineage.serving import PATIENCE, TOKEN, Server, client, event, served

LIMIT = 20_000


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("receiver") / "spool"


@pytest.fixture(scope="module")
def server(spool: Path) -> Iterator[Server]:
    with served(spool, "--max-bytes", str(LIMIT)) as running:
        yield running


def stored(spool: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in segments(spool) for line, _ in lines_of(path, 0, 10**9)]


def test_an_event_is_on_the_disk_when_it_is_accepted_without_anything_private(server: Server, spool: Path) -> None:
    sent = event()
    with client() as http:
        assert http.post(server.url, json=sent).status_code == 201
        packed = gzip.compress(json.dumps(event()).encode())
        assert http.post(server.url, content=packed, headers={"Content-Encoding": "gzip"}).status_code == 201
    kept = {record["run"]: record for record in stored(spool)}
    assert kept[sent["run"]["runId"]] == {
        "at": "2026-10-02T03:04:05.123000+00:00",
        "type": "COMPLETE",
        "run": sent["run"]["runId"],
        "ids": ["01b8ea94-0412"],
        "parent": "parent-1",
        "job": "loads.nightly",
        "owners": ["team:growth"],
        "code": "dags/l.py",
        "out": [["snowflake://org-acct/ANALYTICS.MARTS.ORDERS", ["bigquery://shop-1.marts.orders"], []]],
    }
    assert "hunter2" not in "".join(path.read_text() for path in segments(spool))


def test_a_statement_is_kept_without_literals_only_where_nothing_is_said_to_be_written(
    server: Server, spool: Path
) -> None:
    sent = event(outputs=[])
    with client() as http:
        http.post(server.url, json=sent)
    (kept,) = [record for record in stored(spool) if record["run"] == sent["run"]["runId"]]
    assert kept["sql"] == "insert into T values (?, ?)"


@pytest.mark.parametrize(
    ("facet", "inputs", "kept"),
    [
        ({"dialect": "snowflake"}, [], 'insert into "A".b values (?)'),
        ({}, [{"namespace": "snowflake://org-acct", "name": "A.C"}], 'insert into "A".b values (?)'),
        ({"dialect": "bigquery"}, [], "insert into ?.b values (?)"),
        ({}, [], "insert into ?.b values (?)"),
    ],
)
def test_a_name_in_double_quotes_is_kept_where_it_is_known_to_be_no_text(
    facet: dict[str, str], inputs: list[Any], kept: str
) -> None:
    sent = event(outputs=[], inputs=inputs)
    sent["job"]["facets"]["sql"] = {"query": """insert into "A".b values ('x')""", **facet}
    assert record_of(sent)["sql"] == kept


def change(path: str, value: Any) -> dict[str, Any]:
    """An event with one thing changed; ... takes it away."""
    changed: dict[str, Any] = json.loads(json.dumps(event()))
    *holders, last = path.split(".")
    place: Any = changed
    for holder in holders:
        place = place[int(holder)] if isinstance(place, list) else place[holder]
    key: Any = int(last) if isinstance(place, list) else last
    if value is ...:
        del place[key]
    else:
        place[key] = value
    return changed


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "the body is not valid JSON"),
        (b"{", 400, "the body is not valid JSON"),
        (b"\xff\xfe", 400, "the body is not valid JSON"),
        (b"[" * 15_000, 400, "the body is not valid JSON"),
        (b"7", 422, "an event is a JSON object"),
        (b"[]", 422, "a list holds 1 to 1,000 events"),
        (b"{}", 422, "eventTime is missing or no text"),
        (change("eventTime", "yesterday"), 422, "eventTime is no ISO 8601 time"),
        (change("eventTime", "2026-10-02T03:04:05"), 422, "eventTime has no time zone"),
        (change("eventTime", "0001-01-01T00:00:00+14:00"), 422, "eventTime is out of range"),
        (change("eventType", "DONE"), 422, "eventType is none of ABORT, COMPLETE, FAIL, OTHER, RUNNING, START"),
        (change("run.runId", ""), 422, "run.runId is missing or no text"),
        (change("run.runId", "a\nb"), 422, "run.runId is too long or has control characters"),
        (change("run.runId", "\ud800"), 422, "run.runId is too long or has control characters"),
        (change("run", []), 422, "run is missing or no object"),
        (change("run.facets", 3), 422, "facets is no object"),
        (change("job", ...), 422, "job is missing or no object"),
        (change("job.namespace", 1), 422, "job.namespace is missing or no text"),
        (change("outputs", {}), 422, "outputs is no list of objects"),
        (change("outputs.0.name", ...), 422, "outputs[0].name is missing or no text"),
        (change("inputs.0.name", "x" * 1_001), 422, "inputs[0].name is too long or has control characters"),
        ([change("job.name", ...), 3], 422, "event 0: job.name is missing or no text"),
        (b" " * (LIMIT + 1), 413, f"larger than {LIMIT:,} bytes"),
    ],
)
def test_garbage_is_refused_with_a_reason(server: Server, spool: Path, body: Any, status: int, reason: str) -> None:
    before = stored(spool)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with client() as http:
        answer = http.post(server.url, content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (status, {"error": reason})
    assert stored(spool) == before


def test_packed_garbage_is_refused_and_a_bomb_is_not_unpacked(server: Server) -> None:
    good = gzip.compress(json.dumps(event()).encode())
    cases = [
        (good[:-20], "gzip", 400, "the gzip body is cut off"),
        (b"plain", "gzip", 400, "the body is not gzip, as Content-Encoding says"),
        (gzip.compress(b" " * 10_000_000), "gzip", 413, f"larger than {LIMIT:,} bytes"),
        (good, "br", 415, "Content-Encoding is neither gzip nor identity"),
    ]
    with client() as http:
        for content, encoding, status, reason in cases:
            answer = http.post(server.url, content=content, headers={"Content-Encoding": encoding})
            assert (answer.status_code, answer.json()["error"]) == (status, reason)

        def endless() -> Iterator[bytes]:
            for _ in range(100):
                yield b" " * 1_000

        assert http.post(server.url, content=endless()).status_code == 413


@pytest.mark.parametrize("said", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"])
def test_without_the_token_nothing_is_taken(server: Server, spool: Path, said: str | None) -> None:
    before = stored(spool)
    headers = {b"Authorization": said.encode()} if said is not None else {}
    answer = httpx.post(server.url, json=event(), headers=headers, trust_env=False, timeout=PATIENCE)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json() == {"error": "the bearer token is missing or wrong"}
    assert stored(spool) == before


def test_many_events_in_one_request_good_ones_are_kept(server: Server, spool: Path) -> None:
    events = [event(), change("eventTime", "no"), event()]
    with client() as http:
        answer = http.post(f"{server.url}/batch", json=events)
        assert answer.status_code == 207
        assert answer.json() == {
            "status": "partial_success",
            "summary": {"received": 3, "successful": 2, "failed": 1},
            "failed_events": [{"index": 1, "reason": "eventTime is no ISO 8601 time", "retriable": False}],
        }
        assert http.post(server.url, json=[event(), event()]).status_code == 201
        assert http.get(server.url).status_code == 405
    assert {events[0]["run"]["runId"], events[2]["run"]["runId"]} <= {record["run"] for record in stored(spool)}


def test_events_of_jobs_and_data_sets_tell_owners_too() -> None:
    owners = {"ownership": {"owners": [{"name": "team:growth"}]}}
    job = {"eventTime": "2026-10-02T03:04:05Z", "job": {"namespace": "n", "name": "j", "facets": owners}}
    assert record_of(job) == {"at": "2026-10-02T03:04:05+00:00", "type": "OTHER", "job": "j", "owners": ["team:growth"]}
    dataset = {
        "eventTime": "2026-10-02T03:04:05Z",
        "dataset": {"namespace": "bigquery", "name": "p.d.t", "facets": owners},
    }
    assert record_of(dataset)["out"] == [["bigquery://p.d.t", [], ["team:growth"]]]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PLACES = (
    "run",
    "job",
    "inputs",
    "outputs",
    "run.facets.externalQuery",
    "run.facets.parent.run",
    "job.facets.ownership",
)
MORE = (
    "job.facets.sql",
    "outputs.0",
    "outputs.0.facets",
    "outputs.0.facets.symlinks.identifiers",
    "eventType",
    "eventTime",
)


@given(st.sampled_from(PLACES + MORE), JSON)
def test_whatever_an_event_holds_it_is_a_record_or_refused(place: str, value: Any) -> None:
    found = attempt(change(place, value))
    assert "\n" not in (found if isinstance(found, str) else json.dumps(found))


def test_what_was_accepted_survives_kills(tmp_path: Path) -> None:
    """Kill the receiver at random moments under load, start it again on the same spool: no accepted event is missing."""
    spool, accepted, sent = tmp_path / "spool", set[str](), 0
    chance = random.Random(7)
    for _ in range(6):
        server, stop = Server(spool), threading.Event()
        workers = [threading.Thread(target=send_until, args=(server.url, stop, accepted)) for _ in range(4)]
        for worker in workers:
            worker.start()
        enough = len(accepted) + chance.randrange(20, 200)
        while len(accepted) < enough and server.process.poll() is None:
            stop.wait(0.005)
        server.kill()
        stop.set()
        for worker in workers:
            worker.join()
        sent += 1
    kept = {record["run"] for record in stored(spool)}
    assert sent == 6
    assert len(accepted) >= 120
    assert accepted - kept == set()
    drop(spool, {path.stem: sum(len(line) for line, _ in lines_of(path, 0, 10**9)) for path in segments(spool)})
    assert segments(spool) == [], "what killed receivers left is dropped once it is read"


def send_until(url: str, stop: threading.Event, accepted: set[str]) -> None:
    with client() as http:
        while not stop.is_set():
            one = event(run={"runId": str(uuid.uuid4())})
            try:
                answer = http.post(url, json=one)
            except httpx.HTTPError:
                return
            if answer.status_code == 201:
                accepted.add(one["run"]["runId"])


def test_a_full_disk_is_told_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    """The folder is taken away and put back: refused events are not kept, later ones are."""
    spool = tmp_path / "spool"
    spool.write_text("in the way")
    with served(spool) as server, client() as http:
        answer = http.post(server.url, json=event())
        assert answer.status_code == 503
        assert answer.json()["error"].startswith("not stored: the disk refuses")
        assert answer.headers["retry-after"] == "10"
        spool.unlink()
        good = event()
        assert http.post(server.url, json=good).status_code == 201
    assert [record["run"] for record in stored(spool)] == [good["run"]["runId"]]


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 201), ("::1", 201), ("10.0.0.7", 401), ("testclient", 401)])
def test_a_receiver_without_a_token_takes_nothing_from_elsewhere(tmp_path: Path, host: str, status: int) -> None:
    transport = httpx.ASGITransport(Starlette(routes=routes(tmp_path / "spool", token=None)), client=(host, 50_000))

    async def post() -> int:
        async with httpx.AsyncClient(transport=transport, base_url="http://costlens") as http:
            return (await http.post("/api/v1/lineage", json=event())).status_code

    assert asyncio.run(post()) == status
    assert len(stored(tmp_path / "spool")) == (status == 201)


def test_without_a_token_it_serves_the_own_machine_only(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "costlens_openlineage", "--spool", str(tmp_path), "--host", "0.0.0.0"]
    found = subprocess.run(command, env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert "set COSTLENS_OPENLINEAGE_TOKEN" in found.stderr
