"""The fault matrix of every system in the box is whole, and its suite is the shared one."""

from __future__ import annotations

import importlib
import inspect

import pytest

from spojka.accounting import registry
from spojka.accounting.simulator import Fault
from spojka.accounting.testing import SystemContract
from spojka.accounting.testing.operations import OPERATIONS

IN_THE_BOX = [key for key in registry.systems() if registry.simulator(key) is not None]
OPEN_TO_CHANGE = {"samples", "is_token", "is_write"}
"""Methods that a system may define otherwise; its own tests come besides."""


def suites(key: str) -> list[type[SystemContract]]:
    module = importlib.import_module(f"{registry.package_of(key)}.tests.test_contract")
    found = [one for _, one in inspect.getmembers(module, inspect.isclass)]
    return [one for one in found if issubclass(one, SystemContract) and one is not SystemContract]


@pytest.mark.parametrize("key", IN_THE_BOX)
def test_r3_every_system_in_the_box_stands_128_faults(key: str) -> None:
    assert len(OPERATIONS) * len(Fault) == 128
    found = suites(key)
    assert found, f"{key} does not inherit the contract suite"
    for suite in found:
        assert suite.system is registry.system(key)
        assert suite.simulator is registry.simulator(key)
        assert suite.__name__.startswith("Test"), "pytest would not run it"
        shared = {
            name for name in vars(SystemContract) if inspect.isfunction(vars(SystemContract)[name])
        }
        changed = {name for base in suite.__mro__[:-2] for name in vars(base)} & shared
        assert changed <= OPEN_TO_CHANGE, (
            f"{suite.__name__} changes what it is tested by: {changed}"
        )
        marks = getattr(suite.test_every_fault_of_every_operation, "pytestmark", [])
        assert {mark.name for mark in marks} == {"parametrize"}, "cases are left out"
    assert any(suite.calls for suite in found), "its calls are not counted"
    assert any(suite.broken for suite in found), "nothing wrong with an account is tried"
