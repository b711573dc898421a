"""Which tests a worker takes: any test alone, but the modules below whole, since each worker would make anew what one of them makes.

pytest-xdist's own groups (`--dist loadgroup`) are names behind an `@` in the ids of tests, where pytest 9.2 does not show them any more.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

MODULES = frozenset(
    {
        "tests/dashboard/test_browser.py",  # a server of the dashboard, warm
        "tests/sample/test_untagged.py",  # a month without tags, synced and scored
        "tests/sync/test_cadence.py",  # rows that come late, and what one sync charges
    }
)


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out what has most tests first, then test by test in the order of their files."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if module in MODULES else nodeid
