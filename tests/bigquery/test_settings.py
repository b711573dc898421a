"""What a source may say, which prices follow, and how it signs in: the whole way through `open()` with a key file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import impersonated_credentials
from pydantic import ValidationError

from costlens.errors import SourceError
from costlens_bigquery import BigQuery
from costlens_bigquery.prices import list_rates
from costlens_bigquery.services import BILLED, SKUS
from costlens_bigquery.settings import RegionRates
from costlens_bigquery.statements import statement
from costlens_bigquery.views import JOBS
from tests.bigquery.standin import Standin
from tests.bigquery.world import PROJECT


def source(**more: object) -> BigQuery:
    given = {"name": "analytics", "type": "bigquery", "project": PROJECT, "regions": ["us"]}
    return BigQuery(BigQuery.Settings.model_validate(given | more))


def price(connector: BigQuery, service: str, region: str) -> tuple[Decimal, str] | None:
    """Return the first rate that fits, which is how pricing takes them."""
    fitting = (rate for rate in connector.rates() if rate.service == service and rate.region in (None, region))
    return next(((rate.price, rate.origin) for rate in fitting), None)


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[Standin]:
    with Standin(tmp_path) as server:
        yield server


@pytest.fixture
def key_file(tmp_path: Path, standin: Standin) -> Path:
    """A service account's key that gets its tokens from the stand-in."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    content = {
        "type": "service_account",
        "client_email": "costlens@acme-data.iam.gserviceaccount.com",
        "private_key": text,
    }
    content |= {"token_uri": f"{standin.url}/token", "private_key_id": "k1", "project_id": PROJECT}
    path = tmp_path / "key.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_key_file_opens_and_reads(standin: Standin, key_file: Path) -> None:
    connector = source(endpoint=standin.url, credentials_file=key_file)
    window = (datetime(2026, 10, 28, tzinfo=timezone.utc), datetime(2026, 11, 5, tzinfo=timezone.utc))
    with connector.open() as reader:
        assert sum(batch.num_rows for batch in reader.read(JOBS, *window)) > 10
    assert standin.requests[0] == "POST /token"


def test_a_key_file_may_act_as_another_account(standin: Standin, key_file: Path) -> None:
    with source(
        endpoint=standin.url, credentials_file=key_file, impersonate="reader@acme-data.iam.gserviceaccount.com"
    ).open() as reader:
        signs_as: Any = reader._client._credentials  # type: ignore[attr-defined]
    assert isinstance(signs_as, impersonated_credentials.Credentials)
    assert signs_as.service_account_email == "reader@acme-data.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json",
        "[]",
        "{}",
        '{"type": "gdch_service_account"}',
        '{"type": "service_account", "private_key": "PLANTED"}',
    ],
)
def test_a_file_that_holds_no_credentials_is_said_in_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SourceError, match=r"key\.json cannot be used") as caught:
        source(credentials_file=path).open()
    assert "PLANTED" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_credentials_at_all_says_how_to_get_some(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(SourceError, match="gcloud auth application-default login"):
        source().open()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("project", "a`; drop table x"),
        ("admin_project", "acme-admin` --"),
        ("regions", ["us`.x"]),
        ("regions", ["us; select 1"]),
        ("billing_export", "p.d.t` where 1=1"),
        ("billing_export", "only.two"),
        ("maximum_bytes_billed", 5),
        ("endpoint", "https://user:secret@host"),
        ("impersonate", "no-address"),
        ("rates", {"on_demand": -1}),
        ("rates", {"on_demnad": 6}),
        ("rates", {"regions": {"us west": {}}}),
    ],
)
def test_nothing_gets_into_a_query_that_is_no_name(setting: str, value: object) -> None:
    with pytest.raises(ValidationError, match=setting):
        source(**{setting: value})


def test_a_source_reads_a_project_or_files() -> None:
    with pytest.raises(ValidationError, match="project"):
        BigQuery.Settings(name="b", type="bigquery")


def test_regions_are_written_in_any_way() -> None:
    assert source(regions=["US", "region-eu", "eu", " europe-west3 "]).own.regions == ("us", "eu", "europe-west3")


@pytest.mark.parametrize("view", [view for view in BigQuery.views if view.name != "billing_export"])
def test_statements_say_project_and_region_and_select_no_region(view: Any) -> None:
    text = statement(view, source().own, "eu")
    assert f"`{PROJECT}`.`region-eu`.INFORMATION_SCHEMA.{view.name.upper()}" in text
    assert "{" not in text
    assert not re.search(r"\bregion\b(?!-)", text)


def test_configured_prices_come_before_the_list() -> None:
    connector = source(rates={"on_demand": 5, "currency": "EUR", "regions": {"eu": {"on_demand": 7}}})
    assert price(connector, "BigQuery", "eu") == (Decimal(7), "configured")
    assert price(connector, "BigQuery", "us") == (Decimal(5), "configured")
    assert price(source(), "BigQuery", "us") == (Decimal("6.25"), "list")
    assert {rate.currency for rate in connector.rates() if rate.origin == "configured"} == {"EUR"}


def test_a_region_without_list_price_has_none_and_the_check_names_the_setting() -> None:
    connector = source(regions=["europe-west1", "us"])
    assert price(connector, "BigQuery", "europe-west1") is None
    (finding,) = connector.check()
    assert (finding.what, finding.state) == ("prices of europe-west1", "warning")
    assert "rates: {regions: {europe-west1: {on_demand:" in finding.remedy


def test_a_key_file_that_others_may_read_is_found(key_file: Path) -> None:
    key_file.chmod(0o644)
    (finding,) = source(credentials_file=key_file).check()
    assert "can be read by other users" in finding.detail
    key_file.chmod(0o600)
    assert list(source(credentials_file=key_file).check()) == []


def test_every_kind_of_price_can_be_set_and_is_listed_for_the_us() -> None:
    kinds = {sku.kind for sku in SKUS}
    assert kinds == set(RegionRates.model_fields)
    assert {service for sku in SKUS for service in sku.services} == {
        rate.service for rate in list_rates() if rate.region == "us"
    }
    assert set(BILLED) <= {service for sku in SKUS for service in sku.services}


def test_list_prices_have_the_units_of_their_services() -> None:
    units = {service: sku.unit for sku in SKUS for service in sku.services}
    assert all(units[rate.service] == rate.unit for rate in list_rates())
