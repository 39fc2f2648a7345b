"""A system that keeps the contract passes the contract suite."""

from __future__ import annotations

import pytest

from spojka.accounting.testing import SystemContract
from tests.accounting.denik.simulator import DenikSimulator
from tests.accounting.denik.system import SYSTEM

pytestmark = pytest.mark.usefixtures("denik")


class TestDenik(SystemContract):
    system = SYSTEM
    simulator = DenikSimulator
    non_payer = {"vat_mode": "non_payer"}
    calls = {
        "invoice": 1,
        "invoice_known": 1,
        "paid": 1,
        "email": 1,
        "pdf": 1,
        "proforma_to_final": 4,
    }
    broken = {
        "plan": {"plan": "free"},
        "right": {"right": False},
    }
