"""Ibis' compiler for DuckDB, without those for twenty other engines: they are loaded when one of them is asked for.

Ibis loads them all at once, with sqlglot's dialects: a tenth of a second of each command's start.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from typing import Any

_PACKAGE = "ibis.backends.sql.compilers"


def _defer(name: str) -> None:
    """Have a package run its own code at the first look at what it does not have yet; its modules can be imported before."""
    spec = find_spec(name)
    if name in sys.modules or spec is None or spec.loader is None:
        return
    package, loader = module_from_spec(spec), spec.loader

    def load(wanted: str) -> Any:
        if "__getattr__" in package.__dict__:
            del package.__dict__["__getattr__"]
            loader.exec_module(package)
        return getattr(package, wanted)

    package.__dict__["__getattr__"] = load
    sys.modules[name] = package


_defer(_PACKAGE)
compiler = import_module(f"{_PACKAGE}.duckdb").compiler
