"""What stands in deploy/: units and a compose file that say what the code expects of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from spojka.engine.runner import STOP_SECONDS
from spojka.site.runner import GRACE_SECONDS, services

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
CONFIGURATION = DEPLOY.parent / "docs" / "configuration.md"
UNITS = sorted(DEPLOY.glob("*.service"))


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


@pytest.fixture
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return content


def test_there_are_units_for_one_machine_and_for_several() -> None:
    names = {unit.name for unit in UNITS}
    assert names == {"spojka.service", "spojka-web.service", "spojka-worker@.service"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_understands_the_unit(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd here")
    text = re.sub(r"/opt/spojka/\.venv/bin/\w+", "/bin/true", unit.read_text("utf-8"))
    # Templates are verified by an instance of theirs.
    copy = tmp_path / unit.name.replace("@.", "@1.")
    copy.write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", copy],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if copy.name in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_wait_until_what_is_being_done_is_finished(unit: Path) -> None:
    found = re.search(r"(?m)^TimeoutStopSec=(\d+)$", unit.read_text("utf-8"))
    assert found
    longest = {"spojka-web.service": 10.0, "spojka-worker@.service": STOP_SECONDS}
    assert float(found[1]) > longest.get(unit.name, GRACE_SECONDS)
    assert STOP_SECONDS < GRACE_SECONDS


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_have_no_rights_beyond_their_data(unit: Path) -> None:
    lines = unit.read_text("utf-8").splitlines()
    assert {"User=spojka", "ProtectSystem=strict", "NoNewPrivileges=true", "UMask=0077"} <= {*lines}


def test_compose_has_a_web_server_two_workers_and_postgresql(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"database", "setup", "web", "worker"}
    assert services["worker"]["deploy"]["replicas"] == 2
    assert seconds(services["worker"]["stop_grace_period"]) > STOP_SECONDS
    for name in ("web", "worker"):
        assert "setup" in services[name]["depends_on"]
        assert services[name]["environment"]["DATABASE_URL"].startswith("postgresql://")
        assert services[name]["read_only"] is True
    # Nothing but the web server is reached from outside, and that by a proxy of this machine.
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"web": ["127.0.0.1:8000:8000"]}


def test_the_web_server_is_started_as_spojka_run_starts_it(compose: dict[str, Any]) -> None:
    postgres = {"DATABASE_URL": "postgresql://database/spojka"}
    web, _ = services("HOST", 8000, postgres)
    usual = [word for word in web.command[3:] if word != "HOST"]
    service = compose["services"]["web"]
    unit = (DEPLOY / "spojka-web.service").read_text("utf-8").replace("\\\n", " ")
    [started] = re.findall(r"(?m)^ExecStart=\S+/granian (.*)$", unit)
    assert without_host(service["entrypoint"][1:] + service["command"]) == usual
    assert without_host(started.split()) == usual


def without_host(words: list[str]) -> list[str]:
    """Return the arguments but for the address to listen on, which may differ."""
    at = words.index("--host")
    return words[: at + 1] + words[at + 2 :]


def test_secrets_of_the_compose_file_come_from_outside(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, value in service["environment"].items():
            if re.search("PASSWORD|SECRET|DATABASE_URL", name):
                assert "${" in value, name


def test_what_is_set_is_described() -> None:
    described = set(re.findall(r"`([A-Z_]+)`", CONFIGURATION.read_text("utf-8")))
    used = set()
    for path in DEPLOY.iterdir():
        used |= set(re.findall(r"\b(SPOJKA_[A-Z_]+|DATABASE_URL)\b", path.read_text("utf-8")))
    assert used - described == set()


def test_compose_understands_the_file() -> None:
    docker = shutil.which("docker")
    known = docker and subprocess.run(
        [docker, "compose", "version"], capture_output=True, timeout=60, check=False
    )
    if not docker or not known or known.returncode:
        pytest.skip("no docker compose here")
    values = {"POSTGRES_PASSWORD": "x", "SPOJKA_SECRET_KEY": "y", "SPOJKA_URL": "https://z.example"}
    done = subprocess.run(
        [docker, "compose", "--file", DEPLOY / "compose.yaml", "config", "--quiet"],
        env={"PATH": str(Path(docker).parent), **values},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
