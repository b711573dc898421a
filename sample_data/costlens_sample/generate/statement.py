"""A statement that somebody sends to the warehouse, with the truth about it that no vendor view tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Environment = Literal["production", "ci", "development"]
Purpose = Literal["build", "test", "read", "maintenance"]

#: The first kind of evidence that names the asset or team of a statement; `none` = nothing does.
Evidence = Literal["tag", "comment", "parent", "principal", "none"]


@dataclass(frozen=True)
class Truth:
    """Whom a statement was for."""

    team: str
    asset: str | None = None
    tool: str = "adhoc"
    purpose: Purpose = "read"
    environment: Environment = "production"
    evidence: Evidence = "none"


@dataclass(frozen=True)
class Client:
    """Who sends: user, role, and what the client calls itself."""

    user: str
    role: str
    application: str
    driver: str = "PythonConnector 4.8.1"


@dataclass(frozen=True)
class Statement:
    """One statement: `seconds` of work, `weight` beside others on a cluster, `overhead` in cloud-services credits."""

    at: int
    text: str
    type: str
    client: Client
    session: str
    truth: Truth
    warehouse: str | None = None
    seconds: float = 0
    weight: float = 1
    overhead: float = 0.004
    is_computed: bool = True
    """False: answered from the result cache or by cloud services alone."""
    tag: str = ""
    database: str | None = "ANALYTICS"
    schema: str | None = None
    compile_ms: int = 180
    error: tuple[str, str] | None = None
    acceleration: float = 0
    rows_inserted: int = 0
    bytes_scanned: int = 0
    bytes_spilled: int = 0
    is_client_generated: bool = False
    transaction: int = 0
    children: tuple[Statement, ...] = field(default=())
