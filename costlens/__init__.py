"""CostLens: which asset, which team and which line of code spent the warehouse's money. Light to import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costlens.tagging import asset, instrument, uninstrument

__all__ = ["asset", "instrument", "uninstrument"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load what tags statements when it is first used."""
    if name in __all__:
        from costlens import tagging

        return getattr(tagging, name)
    raise AttributeError(f"module 'costlens' has no attribute {name!r}")
