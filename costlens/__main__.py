"""`costlens`, and `python -m costlens`: `run` where only the core is installed, every command where the extra `service` is."""

from __future__ import annotations

import sys


def main() -> None:
    """Run a command."""
    try:
        from costlens.commands import main as commands

        commands(prog_name="costlens")
    except ModuleNotFoundError as error:
        if (error.name or "costlens").partition(".")[0] == "costlens":
            raise
        _core(error.name)


def _core(missing: str | None) -> None:
    """Do what needs no more than the core; say what the rest needs."""
    if sys.argv[1:2] == ["run"]:
        from costlens.tagging.__main__ import main as run

        run(sys.argv[2:], prog="costlens run")
        return
    print(
        f"costlens: {missing} is not installed; what tags statements does not need it (`costlens run --asset KEY -- CMD`), "
        "for all else: pip install 'costlens[all]'",
        file=sys.stderr,
    )
    raise SystemExit(1)


if __name__ == "__main__":
    main()
