"""The installer behind ``make``: what it does again, and what it leaves alone. No network."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools import bootstrap

ROOT = Path(__file__).resolve().parent.parent


class Machine:
    """Stands for the machine: notes what would be made and installed, and can fail."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.done: list[str] = []
        self.broken = False

    def make_environment(self) -> None:
        self.done.append("environment")
        self.python.parent.mkdir(parents=True, exist_ok=True)
        self.python.write_text("#!/bin/sh\necho works\n")
        self.python.chmod(0o755)

    def install(self, lock: Path) -> None:
        if self.broken:
            raise bootstrap.BootstrapError("the network is down")
        self.done.append(lock.name)

    @property
    def python(self) -> Path:
        return self.root / ".venv" / "bin" / "python"

    def run(self, level: str) -> list[str]:
        """Bootstrap and return what was done."""
        self.done = []
        bootstrap.bootstrap(level)
        return self.done


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    (tmp_path / "requirements.lock").write_text("one")
    (tmp_path / "requirements-dev.lock").write_text("one, and tools")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "PYTHON", made.python)
    monkeypatch.setattr(bootstrap, "STATE", tmp_path / ".venv" / "state.json")
    monkeypatch.setattr(bootstrap, "make_environment", made.make_environment)
    monkeypatch.setattr(bootstrap, "install", made.install)
    monkeypatch.setattr(bootstrap, "link_checkout", lambda: None)
    return made


def test_the_second_run_does_nothing(machine: Machine) -> None:
    assert machine.run("runtime") == ["environment", "requirements.lock"]
    assert machine.run("runtime") == []


def test_a_changed_lock_is_installed_and_the_environment_kept(machine: Machine) -> None:
    machine.run("runtime")
    (machine.root / "requirements.lock").write_text("two")
    assert machine.run("runtime") == ["requirements.lock"]


def test_running_the_app_keeps_the_tools_of_a_contributor(machine: Machine) -> None:
    machine.run("dev")
    assert machine.run("runtime") == []
    (machine.root / "requirements-dev.lock").write_text("two, and tools")
    assert machine.run("runtime") == ["requirements-dev.lock"]


def test_what_was_broken_off_is_done_again(machine: Machine) -> None:
    machine.broken = True
    with pytest.raises(bootstrap.BootstrapError):
        machine.run("runtime")
    machine.broken = False
    assert "requirements.lock" in machine.run("runtime")


def test_a_moved_checkout_gets_a_new_environment(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.run("runtime")
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for lock in machine.root.glob("*.lock"):
        (moved / lock.name).write_bytes(lock.read_bytes())
    monkeypatch.setattr(bootstrap, "ROOT", moved)
    assert machine.run("runtime") == ["environment", "requirements.lock"]


def test_an_environment_whose_python_is_gone_is_made_anew(machine: Machine) -> None:
    machine.run("runtime")
    machine.python.unlink()
    assert machine.run("runtime") == ["environment", "requirements.lock"]


def test_the_user_decides_where_packages_come_from(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.make_environment()
    machine.python.write_text("#!/bin/sh\necho \"global.index-url='https://mirror.example/'\"\n")
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    assert bootstrap.installer_environment()["UV_DEFAULT_INDEX"] == "https://mirror.example/"
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://own.example/")
    assert bootstrap.installer_environment()["UV_DEFAULT_INDEX"] == "https://own.example/"


def test_an_old_python_is_told_what_is_needed() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "PYTHON=", "runtime"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
