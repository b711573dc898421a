"""Reads a live Snowflake account: one connection, one burst of queries, results in Arrow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from costlens.connector import Reader, View
from costlens.errors import ConfigError, Problem, SourceError, ViewUnavailable
from costlens_snowflake.settings import SnowflakeSettings
from costlens_snowflake.views import ROLE

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

#: Our own queries carry it, so that what CostLens costs is a line of its own.
QUERY_TAG = '{"app":"costlens"}'
#: Absent, or not authorised: Snowflake does not tell which.
_NOT_THERE = frozenset({2003, 2043, 3001})
_NO_COLUMN = frozenset({904, 2043})
#: Columns that hold literals of statements: not even selected where `texts: none`.
_TEXTS = ("query_text", "error_message")
#: The column that an error is about, in Snowflake's words and in those of DuckDB behind a stand-in.
_IDENTIFIER = re.compile(r"""(?:invalid identifier|Referenced column)\s+['"]+(?:\w+\.)*"?(\w+)""")
_LOGIN_SECONDS = 60
_RUNNING = (
    "from snowflake.information_schema.query_history\n",
    "from table(snowflake.information_schema.query_history(result_limit => 10000))\n",
)
#: Version 5 is another program behind the same face: without these 4.x tries for ever, and 5 warns.
_REWRITTEN = 5
_PATIENCE_BEFORE = {"network_timeout": 600}
_PATIENCE = {"request_timeout": 600, "query_timeout": 3600, "enable_server_session_keep_alive_auto_detection": False}


def arguments(settings: SnowflakeSettings, major: int) -> dict[str, Any]:
    """Return what `snowflake.connector.connect` of a major version is called with; holds secrets."""
    given: dict[str, Any] = {
        "account": settings.account,
        "user": settings.user,
        "role": settings.role,
        "warehouse": settings.warehouse,
        "host": settings.host,
        "port": settings.port,
        "protocol": settings.protocol if settings.protocol != "https" else None,
        "application": "CostLens",
        "paramstyle": "qmark",
        "login_timeout": _LOGIN_SECONDS,
        "session_parameters": {"TIMEZONE": "UTC", "QUERY_TAG": QUERY_TAG},
        **(_PATIENCE if major >= _REWRITTEN else _PATIENCE_BEFORE),
        **_sign_in(settings),
    }
    return {name: value for name, value in given.items() if value is not None}


def _sign_in(settings: SnowflakeSettings) -> dict[str, Any]:
    token = settings.token.get_secret_value() if settings.token else None
    if settings.authenticator == "workload_identity":
        provider = settings.workload_identity_provider
        return {"authenticator": "WORKLOAD_IDENTITY", "workload_identity_provider": provider, "token": token}
    if settings.authenticator == "oauth":
        return {"authenticator": "oauth", "token": token}
    if settings.private_key_file:
        password = settings.private_key_password
        return {
            "authenticator": "SNOWFLAKE_JWT",
            "private_key_file": str(settings.private_key_file),
            "private_key_file_pwd": password.get_secret_value() if password else None,
        }
    if token:
        return {"authenticator": "PROGRAMMATIC_ACCESS_TOKEN", "token": token}
    return {"password": settings.password.get_secret_value() if settings.password else None}


class SnowflakeReader(Reader):
    """An open connection; every view is one query."""

    def __init__(self, settings: SnowflakeSettings, sql: Callable[[View], str]) -> None:
        self._settings = settings
        self._sql = sql
        self._missing: list[Problem] = []
        self._connection = _connect(settings)

    def read(self, view: View, since: datetime, until: datetime) -> Iterable[pa.RecordBatch]:
        """Yield the view's rows of the window; a snapshot's carry today and come only for a window that today is in."""
        from snowflake.connector import errors

        today = datetime.now(timezone.utc)
        if view.is_snapshot and not since <= today < until + timedelta(days=1):
            return
        try:
            for table in self._tables(view, since, until):
                batch = table.rename_columns([name.lower() for name in table.column_names])
                if view.is_snapshot:
                    day = pa.array([today.date()] * batch.num_rows, pa.date32())
                    batch = batch.append_column(view.time_column, day)
                yield from batch.to_batches()
        except errors.Error as error:
            where = f"{self._settings.name}: {view.name}"
            raise SourceError(f"{where}: {self._told(error)}", permanent=_is_permanent(error)) from None

    def missing_columns(self) -> Sequence[Problem]:
        """Return the columns that the account's views do not have."""
        return tuple(self._missing)

    def close(self) -> None:
        """Close the session."""
        self._connection.close()

    def _tables(self, view: View, since: datetime, until: datetime) -> Iterator[pa.Table]:
        """Run the view's query, without the columns that turn out not to be there."""
        from snowflake.connector import errors

        sql = self._placed(self._sql(view))
        for text in _TEXTS if self._settings.texts == "none" else ():
            sql = without(sql, text)
        cursor = self._connection.cursor()
        try:
            while True:
                try:
                    cursor.execute(sql, _window(view, since, until))
                    break
                except errors.ProgrammingError as error:
                    sql = self._narrowed(view, sql, error)
            yield from cursor.fetch_arrow_batches()
        finally:
            cursor.close()

    def _narrowed(self, view: View, sql: str, error: Exception) -> str:
        """Return the query without the column that the error names; raise where it is not about a column."""
        number = getattr(error, "errno", None)
        found = _IDENTIFIER.search(str(error))
        named = found.group(1).lower() if found else ""
        columns = [column for column in view.columns if column.name == named and without(sql, named) != sql]
        if number in _NO_COLUMN and columns:
            column = columns[0]
            if column.required:
                raise ViewUnavailable(
                    f"{self._settings.name}: {view.name} has no column {column.name}", remedy=view.grant
                )
            if not column.is_optional:
                reason = f"no column {column.name}: read as empty"
                self._missing.append(Problem(self._settings.name, view.name, reason, column.name))
            return without(sql, column.name)
        if number in _NOT_THERE:
            remedy = view.grant.replace(ROLE, self._settings.role or ROLE)
            raise ViewUnavailable(f"{self._settings.name}: {view.name} is not there or may not be read", remedy=remedy)
        raise error

    def _placed(self, sql: str) -> str:
        """Put the configured database and schemas in the place of the usual ones."""
        settings = self._settings
        for usual, given in (
            ("account_usage", settings.account_usage),
            ("organization_usage", settings.organization_usage),
            ("billing", "BILLING"),
            ("reader_account_usage", "READER_ACCOUNT_USAGE"),
        ):
            place = given if "." in given else f"{settings.database}.{given}"
            sql = sql.replace(f"from snowflake.{usual}.", f"from {place.lower()}.")
        # Of what runs now there is no view, only a function; bound parameters it takes none.
        return sql.replace(*_RUNNING)

    def _told(self, error: Exception) -> str:
        return _one_line(error, self._settings)


def without(sql: str, column: str) -> str:
    """Return an extraction query without a column: each stands on a line of its own, in the list and in `group by`."""
    name = re.escape(column)
    kept = re.sub(rf'^ +(sum\("?{name}"?\) as )?"?{name}"?,?\n', "", sql, flags=re.MULTILINE | re.IGNORECASE)
    return re.sub(r",\n(?=from |\Z)", "\n", kept)


def _window(view: View, since: datetime, until: datetime) -> list[Any] | None:
    """Return the bound parameters: instants in UTC, days widened to whole ones; a snapshot has none."""
    if view.is_snapshot:
        return None
    since, until = since.astimezone(timezone.utc), until.astimezone(timezone.utc)
    kind = next(column.type for column in view.columns if column.name == view.time_column)
    if kind == "day":
        return [since.date(), (until + timedelta(days=1, microseconds=-1)).date()]
    return [("TIMESTAMP_LTZ", since), ("TIMESTAMP_LTZ", until)]  # 5.2 sends TIMESTAMP_TZ without its offset


def _connect(settings: SnowflakeSettings) -> SnowflakeConnection:
    try:
        import snowflake.connector
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("snowflake"):
            raise
        message = f"{settings.name}: the Snowflake driver is not installed; pip install 'costlens[snowflake]'"
        raise ConfigError(message) from None
    key = settings.private_key_file
    if key is not None and not key.is_file():
        raise ConfigError(f"{settings.name}: there is no private_key_file {key}")
    try:
        return snowflake.connector.connect(
            **arguments(settings, int(snowflake.connector.__version__.partition(".")[0]))
        )
    except snowflake.connector.errors.Error as error:
        told = _one_line(error, settings)
    except (TypeError, ValueError, OSError):  # what the driver says of a key may quote it
        told = "the private key or token cannot be used; look at the file and its password"
        raise SourceError(f"{settings.name}: {told}") from None
    raise SourceError(f"{settings.name}: cannot sign in to {settings.account}: {told}", permanent="250001" not in told)


def _is_permanent(error: Exception) -> bool:
    return type(error).__name__ not in {"OperationalError", "InterfaceError", "InternalError", "HttpError"}


def _one_line(error: Exception, settings: SnowflakeSettings) -> str:
    """Return the driver's message as one line without anything that is secret."""
    text = " ".join(str(getattr(error, "msg", None) or error).split())[:300]
    for secret in (settings.password, settings.token, settings.private_key_password):
        if secret is not None and secret.get_secret_value():
            text = text.replace(secret.get_secret_value(), "***")
    return text
