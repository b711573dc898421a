"""`make eval`: how right CostLens is on data whose answers are known; each `bench/eval_<part>.py` has an `evaluate()`."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from evaluation import render


def main(wanted: list[str]) -> None:
    """Print the sections of the parts that are named, of all if none is."""
    parts = sorted(path.stem.removeprefix("eval_") for path in Path(__file__).parent.glob("eval_*.py"))
    unknown = set(wanted) - set(parts)
    if unknown:
        sys.exit(f"no part {', '.join(sorted(unknown))}: there are {', '.join(parts)}")
    for part in wanted or parts:
        for section in import_module(f"eval_{part}").evaluate():
            print(render(section), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
