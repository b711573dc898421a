"""Runs the tests that want drivers or engines beside the main ones, each in a virtual environment of its own, `.venv-<name>`.

With names (`run.py spark sf5`) only those; `tagging` means every driver of the tagging matrix. What is there already is used again.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
MATRIX = ROOT / "tests" / "tagging" / "integrations" / "run"
#: Spark 4 runs on this Java and on newer ones.
JAVA = 17
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")


@dataclass(frozen=True)
class Environment:
    """One virtual environment: what is installed there, and the files of tests that run there."""

    name: str
    packages: tuple[str, ...]
    tests: tuple[str, ...]
    #: Packages whose version in constraints.txt is another than the one wanted here.
    unpinned: frozenset[str] = frozenset()
    variables: Mapping[str, str] = field(default_factory=dict)
    java: bool = False
    #: Variable that says where this environment's programs are; with one the tests themselves run in the main environment, and
    #: constraints.txt does not hold here: an orchestrator has versions of its own.
    beside: str | None = None


ENVIRONMENTS = (
    Environment(
        "snowflake5",
        ("snowflake-connector-python>=5,<6", "pytest>=9,<10", "hypothesis", "editables>=0.5", "--editable=.[service]"),
        ("tests/integrations/test_snowflake5.py",),
        unpinned=frozenset({"snowflake-connector-python"}),
        variables={"AWS_EC2_METADATA_DISABLED": "true"},  # the driver would ask a cloud's address who we are
    ),
    Environment(
        "spark",
        ("pyspark>=4,<4.1", "pytest>=9,<10", "hypothesis", "pyarrow-hotfix", "editables>=0.5", "--editable=.[service]"),
        ("tests/integrations/test_spark.py",),
        java=True,
    ),
    Environment(
        "dbt",
        (
            "--reinstall-package=costlens",
            ".[dbt]",
            "dbt-core==1.11.16",
            "dbt-snowflake==1.12.4",
            "dbt-bigquery==1.12.1",
        ),
        ("tests/integrations/orchestrators/test_dbt.py", "tests/integrations/orchestrators/test_dbt_log.py"),
        beside="COSTLENS_DBT",
    ),
    Environment(
        "dagster-web",
        ("dagster==1.13.28", "dagster-webserver==1.13.28"),
        ("tests/integrations/orchestrators/test_dagster_pull.py",),
        beside="COSTLENS_DAGSTER_WEB",
    ),
    Environment(
        "openlineage",
        ("openlineage-python==1.54.0",),
        ("tests/integrations/test_openlineage_client.py",),
        beside="COSTLENS_OPENLINEAGE",
    ),
    Environment(
        "airflow-web",
        ("apache-airflow-core==3.3.2", "apache-airflow-providers-standard"),
        ("tests/integrations/orchestrators/test_airflow_pull.py",),
        beside="COSTLENS_AIRFLOW_WEB",
    ),
    Environment(
        "dagster",
        (
            "--reinstall-package=costlens",
            ".[dagster]",
            "dagster==1.13.27",
            "dagster-dbt==0.29.27",
            "dagster-snowflake==0.29.27",
            "dagster-gcp==0.29.27",
            "dbt-core==1.11.16",
            "dbt-snowflake==1.12.4",
        ),
        ("tests/integrations/orchestrators/test_dagster.py",),
        beside="COSTLENS_DAGSTER",
    ),
    Environment(
        "airflow",
        (
            "--reinstall-package=costlens",
            ".[airflow]",
            "apache-airflow-core==3.3.2",
            "apache-airflow-providers-snowflake==6.20.0",
            "apache-airflow-providers-google==22.1.0",
            "apache-airflow-providers-standard==1.21.0",
            "astronomer-cosmos==1.15.1",
            "dbt-core==1.11.16",
            "dbt-snowflake==1.12.4",
        ),
        ("tests/integrations/orchestrators/test_airflow.py",),
        beside="COSTLENS_AIRFLOW",
    ),
)


class Missing(Exception):
    """What the machine lacks, and how to get it."""


def run(command: Sequence[str | Path], variables: Mapping[str, str] | None = None) -> None:
    """Run in the checkout, output shown as it comes; raise CalledProcessError when it fails."""
    subprocess.run(command, cwd=ROOT, env={**os.environ, **(variables or {})}, check=True)


def find_uv() -> Path:
    """Return the uv that is there, the checkout's own before the machine's; it is installed where there is none."""
    machine, beside = shutil.which("uv"), ROOT / ".venv-uv" / "bin" / "uv"
    for uv in (ROOT / ".venv" / "bin" / "uv", *([Path(machine)] if machine else []), beside):
        if uv.exists():
            return uv
    run([sys.executable, "-m", "venv", beside.parents[1]])
    run([beside.with_name("python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"])
    return beside


def constraints(environment: Environment, folder: Path) -> Path:
    """Write the pinned versions without those that this environment wants otherwise."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = folder / "constraints.txt"
    kept.write_text("".join(line for line in lines if line.split("==")[0] not in environment.unpinned), "utf-8")
    return kept


def install(environment: Environment) -> Path:
    """Make the environment, or bring it up to date, and return its Python."""
    folder = ROOT / f".venv-{environment.name}"
    python, uv = folder / "bin" / "python", find_uv()
    if not python.exists():
        run([uv, "venv", "--quiet", "--python", sys.executable, folder])
    pinned = [] if environment.beside else ["--constraint", constraints(environment, folder)]
    run([uv, "pip", "install", "--quiet", "--python", python, *pinned, *environment.packages])
    return python


def check_java() -> None:
    """Raise Missing when there is no Java that Spark runs on."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr if java else ""
    version = re.search(r'version "(\d+)', shown)
    if version is None or int(version[1]) < JAVA:
        raise Missing(f"Spark wants Java {JAVA} or newer: apt-get install openjdk-17-jre-headless")


def check_environment(environment: Environment) -> None:
    """Run one environment's tests there."""
    if environment.java:
        check_java()
    python = install(environment)
    if environment.beside:
        run([sys.executable, *PYTEST, *environment.tests], {environment.beside: str(python.parent)})
    else:
        run([python, *PYTEST, *environment.tests], environment.variables)


def drivers() -> list[str]:
    """Return the names that the driver matrix of tagging knows."""
    return re.findall(r"^check (\w+) ", MATRIX.read_text(encoding="utf-8"), flags=re.MULTILINE)


def check_driver(name: str) -> None:
    """Run one environment of the driver matrix; it is made with uv."""
    run(["sh", MATRIX, name], {"UV": str(find_uv()), "PYTHON": sys.executable})


def check(name: str) -> str | None:
    """Run what has this name; return None when it passes, else what went wrong."""
    try:
        for environment in ENVIRONMENTS:
            if environment.name == name:
                check_environment(environment)
                return None
        check_driver(name)
    except Missing as missing:
        return str(missing)
    except subprocess.CalledProcessError as failed:
        return f"exit code {failed.returncode} of {' '.join(str(word) for word in failed.cmd[:4])} …"
    return None


def main() -> int:
    """Run all that is asked for, also after a failure; then print one line each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    known = [environment.name for environment in ENVIRONMENTS] + drivers()
    parser.add_argument("names", nargs="*", metavar="name", help=f"tagging, {', '.join(known)}; all without a name")
    asked = parser.parse_args().names
    wanted = [name for name in known if not asked or name in asked or ("tagging" in asked and name in drivers())]
    if unknown := sorted(set(asked) - {*known, "tagging"}):
        parser.error(f"no environment is called {', '.join(unknown)}; there are: tagging, {', '.join(known)}")
    lines, failed = [], False
    for name in wanted:
        print(f"== {name}", flush=True)
        started = time.monotonic()
        wrong = check(name)
        failed = failed or wrong is not None
        lines.append(
            f"{name:12} {time.monotonic() - started:5.0f} s  {'passed' if wrong is None else f'FAILED: {wrong}'}"
        )
    print("\n" + "\n".join(lines))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
