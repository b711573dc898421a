"""The compilers of other engines come when they are asked for."""

from __future__ import annotations

import subprocess
import sys


def _run(script: str) -> None:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_compiles_for_duckdb_loads_no_other() -> None:
    _run(
        "import sys\n"
        "from costlens.compiling import compiled\n"
        "assert not any(name.endswith('compilers.pyspark') for name in sys.modules)\n"
    )


def test_other_compilers_are_there_all_the_same() -> None:
    _run(
        "from costlens.compiling import compiled\n"
        "import ibis, ibis.backends.sql.compilers as compilers\n"
        "from ibis.backends.sql.compilers import PySparkCompiler\n"
        "from ibis.backends.sql.compilers.duckdb import DuckDBCompiler\n"
        "assert compilers.DuckDBCompiler is DuckDBCompiler\n"
        "assert PySparkCompiler.__module__.endswith('pyspark')\n"
        "rows = ibis.table({'n': 'int64'}, name='rows')\n"
        "assert 'rows' in ibis.to_sql(rows, dialect='snowflake')\n"
    )


def test_nothing_is_put_off_that_is_loaded_already() -> None:
    _run(
        "from ibis.backends.sql.compilers import PySparkCompiler\n"
        "import ibis.backends.sql.compilers as before\n"
        "from costlens.compilers import compiler\n"
        "import ibis.backends.sql.compilers as after\n"
        "assert before is after\n"
        "assert type(compiler) is before.DuckDBCompiler\n"
    )
