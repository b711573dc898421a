"""Every way to sign in builds what the driver wants, and no secret is ever shown."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from pydantic import ValidationError

from costlens.errors import ConfigError, SourceError
from costlens_snowflake import Snowflake, SnowflakeSettings
from costlens_snowflake.live import QUERY_TAG, arguments, without

SECRET = "s3cr3t-d0-n0t-sh0w"
BASE = {"name": "prod", "type": "snowflake", "account": "acme-prod", "user": "COSTLENS_SVC"}


def settings(**given: Any) -> SnowflakeSettings:
    return SnowflakeSettings.model_validate({**BASE, **given})


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"private_key_file": "/k.p8"}, {"authenticator": "SNOWFLAKE_JWT", "private_key_file": "/k.p8"}),
        (
            {"private_key_file": "/k.p8", "private_key_password": SECRET},
            {"authenticator": "SNOWFLAKE_JWT", "private_key_file": "/k.p8", "private_key_file_pwd": SECRET},
        ),
        ({"token": SECRET}, {"authenticator": "PROGRAMMATIC_ACCESS_TOKEN", "token": SECRET}),
        ({"token": SECRET, "authenticator": "oauth"}, {"authenticator": "oauth", "token": SECRET}),
        (
            {"authenticator": "workload_identity", "workload_identity_provider": "AWS"},
            {"authenticator": "WORKLOAD_IDENTITY", "workload_identity_provider": "AWS"},
        ),
        (
            {"authenticator": "workload_identity", "workload_identity_provider": "OIDC", "token": SECRET},
            {"authenticator": "WORKLOAD_IDENTITY", "workload_identity_provider": "OIDC", "token": SECRET},
        ),
        ({"password": SECRET}, {"password": SECRET}),
    ],
)
def test_each_way_builds_its_arguments(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    built = arguments(settings(**given, role="READER", warehouse="COSTLENS_WH"), 4)
    shared = {
        "account": "acme-prod",
        "user": "COSTLENS_SVC",
        "role": "READER",
        "warehouse": "COSTLENS_WH",
        "application": "CostLens",
        "paramstyle": "qmark",
        "login_timeout": 60,
        "network_timeout": 600,
        "session_parameters": {"TIMEZONE": "UTC", "QUERY_TAG": QUERY_TAG},
    }
    assert built == {**shared, **wanted}


def test_the_driver_knows_every_argument() -> None:
    key = settings(private_key_file="/k.p8", private_key_password=SECRET, host="h", port=1, protocol="http")
    workload = settings(authenticator="workload_identity", workload_identity_provider="GCP")
    known = set(inspect.signature(snowflake.connector.SnowflakeConnection.__init__).parameters)
    known |= set(snowflake.connector.connection.DEFAULT_CONFIGURATION)
    assert {*arguments(key, 4), *arguments(workload, 4)} <= known


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "set one of"),
        ({"token": SECRET, "password": SECRET}, "set one of"),
        ({"user": None, "password": SECRET}, "set `user:`"),
        ({"account": None, "password": SECRET}, "set `account:`"),
        ({"authenticator": "oauth"}, "oauth needs `token:`"),
        ({"authenticator": "workload_identity"}, "workload_identity_provider"),
        ({"password": SECRET, "account": "a b'; drop"}, "account"),
        ({"password": SECRET, "account_usage": "x; drop table y"}, "account_usage"),
        ({"password": SECRET, "rates": {"compute": SECRET}}, "rates"),
        ({"password": {"oops": SECRET}}, "password"),
    ],
)
def test_wrong_settings_are_told_without_the_secret(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**given)
    assert says in str(caught.value)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)


def test_secrets_are_not_shown() -> None:
    given = settings(private_key_file="/k.p8", private_key_password=SECRET)
    for shown in (given, settings(token=SECRET), settings(password=SECRET)):
        connector = Snowflake(shown)
        for text in (
            repr(shown),
            str(shown),
            shown.model_dump_json(),
            repr(connector.__dict__),
            repr(list(connector.check())),
        ):
            assert SECRET not in text


def test_a_password_is_warned_of_and_a_key_that_others_may_read(tmp_path: Path) -> None:
    (found,) = Snowflake(settings(password=SECRET)).check()
    assert (found.state, found.what) == ("warning", "sign-in")
    key = tmp_path / "key.p8"
    key.write_text("-----BEGIN PRIVATE KEY-----")
    key.chmod(0o644)
    (found,) = Snowflake(settings(private_key_file=key)).check()
    assert found.remedy == f"chmod 600 {key}"
    key.chmod(0o600)
    assert list(Snowflake(settings(private_key_file=key)).check()) == []


def test_a_key_that_is_not_there_or_no_key_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no private_key_file"):
        Snowflake(settings(private_key_file=tmp_path / "none.p8")).open()
    key = tmp_path / "key.p8"
    key.write_text(f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n")
    with pytest.raises(SourceError) as caught:
        Snowflake(settings(private_key_file=key)).open()
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_export_needs_no_sign_in(tmp_path: Path) -> None:
    given = SnowflakeSettings.model_validate({"name": "old", "type": "snowflake", "export": tmp_path})
    assert list(Snowflake(given).check()) == []


def test_a_column_is_taken_out_wherever_it_stands() -> None:
    sql = Snowflake.sql(next(view for view in Snowflake.views if view.name == "usage_in_currency_daily"))
    narrow = without(without(without(sql, "usage_in_currency"), "currency"), "usage_date")
    assert "usage_in_currency," not in narrow
    assert ",\nfrom" not in narrow
    assert narrow.rstrip().endswith("is_adjustment")
    assert "currency\n" not in narrow.split("from", 1)[0]
