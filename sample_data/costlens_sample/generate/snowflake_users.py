"""The views of Snowflake's users and of the roles that they hold.

A directory hands out one group role a team, not tidily: a contractor is in no group, one person is in two, one came into hers late,
one left a group, and one moved from team to team and his group did not.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from costlens_sample.generate.clock import at, days, utc
from costlens_sample.generate.company import PEOPLE
from costlens_sample.generate.files import Row, schema

USERS = schema("""
READ_ON date
USER_ID int
NAME text
CREATED_ON time
DELETED_ON time
LOGIN_NAME text
DISPLAY_NAME text
EMAIL text
COMMENT text
DISABLED bool
DEFAULT_ROLE text
TYPE text
""")

GRANTS_TO_USERS = schema("""
READ_ON date
CREATED_ON time
DELETED_ON time
ROLE text
GRANTED_TO text
GRANTEE_NAME text
GRANTED_BY text
""")

#: Who sends queries and is no person, with the role that it starts in.
_SERVICES = {
    "AIRFLOW_SVC": "FINANCE_ETL",
    "ATLAN_SVC": "PLATFORM_CATALOG",
    "COSTLENS_SVC": "COSTLENS_READER",
    "DAGSTER_SVC": "CATALOG_ML",
    "DBT_CI_SVC": "CI_TRANSFORMER",
    "DBT_PROD_SVC": "TRANSFORMER",
    "EXPERIMENTS_SVC": "GROWTH_EXPERIMENTS",
    "FIVETRAN_USER": "FIVETRAN_ROLE",
    "LOOKER_SVC": "BI_READER",
    "TABLEAU_SVC": "BI_READER",
}
#: What differs from one group for each member of a team.
_GROUPS = {
    "SAM.OYELARAN": (),
    "KIT.ANDERSEN": ("platform", "catalog"),
    "OMAR.HADDAD": ("catalog",),
}
_LATE = {"INES.COSTA": date(2026, 10, 12)}
_LEFT = {"LEO.BRANDT": ("payments", date(2026, 9, 15))}
#: Roles to read another team's tables: they say what one may do, not whose one is.
_READS = {"AMARA.OKEKE": "CONTENT_READER", "TOM.HALE": "FINANCE_READER", "NORA.WEISS": "PAYMENTS_READER"}
_BEGAN = utc(at(date(2025, 9, 1)))


def address(name: str) -> str:
    """Return a person's address: BigQuery calls the person by it."""
    return f"{name.partition('.')[0].lower()}@encore.example"


def users() -> list[Row]:
    """Return every user as of each day."""
    people = [(name, address(name), "ANALYST", "PERSON") for names in PEOPLE.values() for name in names]
    services = [(name, None, role, "SERVICE") for name, role in _SERVICES.items()]
    return [
        {
            "READ_ON": day,
            "USER_ID": number,
            "NAME": name,
            "CREATED_ON": _BEGAN,
            "LOGIN_NAME": email or name,
            "DISPLAY_NAME": name.replace(".", " ").title(),
            "EMAIL": email,
            "DISABLED": False,
            "DEFAULT_ROLE": role,
            "TYPE": kind,
        }
        for day in days()
        for number, (name, email, role, kind) in enumerate([*people, *services], 1)
    ]


def grants_to_users() -> list[Row]:
    """Return every grant of a role to a user as of each day, those that were taken back too."""
    return [
        {
            "READ_ON": day,
            "CREATED_ON": utc(at(since)) if since else _BEGAN,
            "DELETED_ON": utc(at(until)) if until else None,
            "ROLE": role,
            "GRANTED_TO": "USER",
            "GRANTEE_NAME": name,
            "GRANTED_BY": "USERADMIN",
        }
        for day in days()
        for name, role, since, until in _grants()
        if since is None or since <= day
    ]


def _grants() -> Iterator[tuple[str, str, date | None, date | None]]:
    """Yield user, role, since and until."""
    for name, role in _SERVICES.items():
        yield name, role, None, None
    for team, names in PEOPLE.items():
        for name in names:
            yield name, "ANALYST", None, None
            for group in _GROUPS.get(name, (team,)):
                yield name, f"TEAM_{group.upper()}", _LATE.get(name), None
            if name in _READS:
                yield name, _READS[name], None, None
            if name in _LEFT:
                group, until = _LEFT[name]
                yield name, f"TEAM_{group.upper()}", None, until
