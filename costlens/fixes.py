"""The one line of configuration that would tag the statements of a client: by the tool that it says it is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any


@dataclass(frozen=True)
class Fix:
    """Where a line goes, and the line."""

    where: str
    line: str
    is_rule: bool = False
    """Whether it names the team of people, rather than tagging anything."""


#: What a client's name holds -> the tool, as people call it; the first that fits.
_TOOLS = {
    "dagster": "dagster",
    "airflow": "airflow",
    "dbt": "dbt",
    "snowpark": "snowpark",
    "fivetran": "fivetran",
    "tableau": "tableau",
    "looker": "looker",
    "snowflake web app": "snowsight",
    "sigma": "sigma",
    "hex": "hex",
    "metabase": "metabase",
    "costlens": "costlens",
    "pythonconnector": "python",
}
_DAGSTER = "python_logs: {dagster_handler_config: {handlers: {costlens: {class: costlens_dagster.boot.Boot, level: CRITICAL}}}}"
_TAGGED_AT_THE_CLIENT = {
    "dagster": Fix("dagster.yaml, with costlens[dagster] in the image of the code locations", _DAGSTER),
    "airflow": Fix("image of the workers", "pip install 'costlens[airflow]'"),
    "dbt": Fix("environment of dbt", "pip install 'costlens[dbt]' && python -m costlens.tagging --install"),
    "snowpark": Fix("environment of the program", "python -m costlens.tagging --install"),
}
_PYTHON = re.compile("python", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def tool_of(application: str | None, marked: str | None) -> str | None:
    """Return the tool that a session's application or a statement's mark names, else the application itself."""
    low = (application or "").lower()
    named = next((tool for part, tool in _TOOLS.items() if part in low), None)
    if named in (None, "python") and marked:
        return marked
    return named or application


def fix_of(kind: str, tool: str, connector: str, session: Mapping[str, Any]) -> Fix:
    """Return what would tag the sessions of a tool: at the client where it runs Python, else for its user in the warehouse."""
    if tool in _TAGGED_AT_THE_CLIENT:
        return _TAGGED_AT_THE_CLIENT[tool]
    if _PYTHON.search(connector) or tool == "python":
        path = session.get("path")
        script = PurePosixPath(str(path)).name if path else None
        if script and script.endswith(".py"):
            words = ("costlens", "run", "--asset", script.removesuffix(".py"), "--", "python", str(path))
            return Fix("where the script is started", shlex.join(words))
        return Fix("environment of the program", "python -m costlens.tagging --install")
    user = str(session.get("user"))
    if kind == "snowflake" and tool != "snowsight" and _NAME.fullmatch(user):
        return Fix("Snowflake, once, as who manages users", f"alter user {user} set query_tag = 'cl_t=TEAM'")
    return Fix("teams.yml, under the team's `owns:`", f"- {{user: {_quoted(user)}}}", is_rule=True)


def _quoted(text: str) -> str:
    """Return a name for YAML, on one line."""
    return text if re.fullmatch(r"[A-Za-z0-9_.@-]+", text) else "'" + text.replace("'", "''") + "'"
