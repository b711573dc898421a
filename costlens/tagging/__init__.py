"""Tags every statement with the asset it is for; needs the standard library and wrapt only.

    import costlens

    with costlens.asset("analytics/orders", team="growth"):
        cursor.execute("…")  # arrives with QUERY_TAG {"_cl":{"a":["analytics/orders"],"t":"growth",…}}

Settings, by environment: COSTLENS_DISABLED=1 turns all off, COSTLENS_CALLER=0 leaves out the line of code,
COSTLENS_COMMENTS=1 adds a comment on databases that know neither tags nor labels.
"""

from __future__ import annotations

from costlens.tagging.context import Context, asset, current, inherit
from costlens.tagging.patching import instrument, instrumented, uninstrument

__all__ = ["Context", "asset", "current", "inherit", "instrument", "instrumented", "uninstrument"]
