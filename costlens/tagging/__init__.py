"""Tags every statement with the asset it is for; needs the standard library and wrapt only."""

from __future__ import annotations
