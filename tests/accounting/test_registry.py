"""Systems are found by their folder or their entry point, with what lies beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from spojka.accounting import registry
from spojka.accounting.registry import UnknownSystemError
from spojka.core import catalogue
from tests.accounting.conftest import forget
from tests.accounting.denik.simulator import DenikSimulator
from tests.accounting.denik.system import SYSTEM

ROOT = Path(__file__).parents[2]


@pytest.mark.usefixtures("denik")
def test_an_installed_package_is_found_with_its_errors_and_its_simulator() -> None:
    found: object = registry.system("denik")
    assert found is SYSTEM
    assert registry.package_of("denik") == "tests.accounting.denik"
    assert registry.simulator("denik") is DenikSimulator
    assert catalogue.entry("SPJ-DENIK-PLAN").code == "SPJ-DENIK-PLAN"


def test_the_own_issuer_has_no_other_side() -> None:
    assert registry.simulator("own") is None


@pytest.mark.parametrize("ask", [registry.system, registry.simulator, registry.package_of])
def test_a_system_that_is_not_there_has_a_name(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(UnknownSystemError) as caught:
        ask("denik")
    assert caught.value.args == ("denik",)


def test_two_systems_of_one_key_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Second(type(registry.system("own"))):  # type: ignore[misc]
        descriptor = replace(registry.system("own").descriptor, name="Another")

    second = Second()
    point = SimpleNamespace(load=lambda: second)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    forget()
    try:
        with pytest.raises(ValueError, match="'own'"):
            registry.systems()
    finally:
        monkeypatch.undo()
        forget()


def test_an_installation_needs_no_pytest_to_find_them() -> None:
    code = (
        "import sys; from spojka.accounting import registry; assert 'own' in registry.systems();"
        "assert 'pytest' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
