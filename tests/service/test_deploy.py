"""What one deploys with is sound: the Dockerfile copies what there is, compose and unit say what they must, no secret is in any."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from costlens.config import parse_config
from costlens.settings.service import Settings

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text(encoding="utf-8"))
#: What looks like a secret: a token, a key, a password in an address or beside its name.
SECRETS = re.compile(
    r"xox[abp]-|-----BEGIN|AKIA[0-9A-Z]{16}|://[^:/\s]+:(?!\$)[^@\s]+@|(?i:password|secret|token)\s*[:=]\s*['\"]?(?![\s$\[{./]|\Z)\w"
)
#: Settings that hold the name of a file or of a secret, no secret.
NAMES = re.compile(r"POSTGRES_PASSWORD_FILE|^\s*(?:- )?#|secrets:|file:|LoadCredential")


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions, continued lines joined."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_dockerfile_does_what_linters_ask_for() -> None:
    found = instructions()
    images = [rest.split()[0] for name, rest in found if name == "FROM"]
    assert all(re.fullmatch(r"[\w./-]+:[\w.-]*\d[\w.-]*", image) for image in images), "a tag that is a version"
    assert [rest for name, rest in found if name == "USER"] == ["10001"], "not root, by number"
    runs = [rest for name, rest in found if name == "RUN"]
    assert all("--no-cache-dir" in run and "--constraint" in run for run in runs if "pip install" in run)
    assert not any(word in run for run in runs for word in ("sudo", "curl", "apt-get upgrade", "chmod 777"))
    assert not any(name in ("ADD", "MAINTAINER") for name, _ in found)
    assert all(rest.startswith("[") for name, rest in found if name in ("ENTRYPOINT", "CMD")), (
        "signals reach the service"
    )
    assert {"HEALTHCHECK", "STOPSIGNAL"} <= {name for name, _ in found}


def test_the_dockerfile_copies_what_the_build_needs_and_the_context_has_it() -> None:
    copied = {
        word for name, rest in instructions() if name == "COPY" and "--from" not in rest for word in rest.split()[:-1]
    }
    assert all((ROOT / name).exists() for name in copied)
    wheel = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    shipped = re.search(r"only-include = \[(.*?)\]", wheel)
    assert shipped is not None
    assert set(re.findall(r'"(\w+)"', shipped[1])) <= copied
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")
    }
    assert copied <= allowed


def test_compose_waits_for_the_database_and_lets_the_service_end() -> None:
    service, database = COMPOSE["services"]["costlens"], COMPOSE["services"]["database"]
    assert service["depends_on"]["database"]["condition"] == "service_healthy"
    assert "healthcheck" in database
    grace = int(service["stop_grace_period"].removesuffix("s"))
    longest = Settings.model_fields["grace_seconds"].metadata
    assert grace > 30 > max(getattr(one, "le", 0) or 0 for one in longest)
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    for one in COMPOSE["services"].values():
        assert set(one["secrets"]) <= COMPOSE["secrets"].keys()
        assert {volume.split(":")[0] for volume in one["volumes"] if not volume.startswith(".")} <= COMPOSE[
            "volumes"
        ].keys()
        assert re.fullmatch(r"costlens|postgres:\d+[\w.-]*", one["image"])


def test_the_configuration_of_the_containers_is_valid(tmp_path: Path) -> None:
    text = (DEPLOY / "config" / "costlens.yml").read_text(encoding="utf-8")
    for name in COMPOSE["secrets"]:
        (tmp_path / name).write_text("a-secret\n")
    config = parse_config(text.replace("/run/secrets", str(tmp_path)), DEPLOY / "config" / "costlens.yml")
    assert "a-secret" not in repr(config)
    assert config.root.database == "postgresql+psycopg://costlens:a-secret@database/costlens"


def test_the_unit_ends_and_starts_the_service_in_order() -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "costlens.service")
    service = unit["Service"]
    assert service["ExecStart"].endswith("/costlens serve")
    assert (service["KillSignal"], service["Restart"]) == ("SIGTERM", "always")
    assert int(service["TimeoutStopSec"]) > 30
    assert service["User"] != "root"
    if verify := shutil.which("systemd-analyze"):
        text = (DEPLOY / "costlens.service").read_text(encoding="utf-8")
        assert text
        done = subprocess.run([verify, "verify", str(DEPLOY / "costlens.service")], capture_output=True, text=True)
        said = [line for line in done.stderr.splitlines() if "Unknown" in line or "Failed to parse" in line]
        assert said == []


@pytest.mark.parametrize(
    "path", sorted(p for p in DEPLOY.rglob("*") if p.is_file()), ids=lambda p: str(p.relative_to(DEPLOY))
)
def test_no_secret_is_in_any(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        assert NAMES.search(line) or not SECRETS.search(line), line
