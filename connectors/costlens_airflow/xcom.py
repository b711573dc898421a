"""The XCom in which tasks keep the ids of their statements: written in the worker, read by REST."""

from __future__ import annotations

#: Its key, and the most ids that are kept.
KEY, LIMIT = "costlens_query_ids", 500
