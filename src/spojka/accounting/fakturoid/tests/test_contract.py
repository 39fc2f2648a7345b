"""Fakturoid keeps the contract: eight operations, sixteen faults, calls, codes."""

from __future__ import annotations

from spojka.accounting.fakturoid.simulator import FakturoidSimulator
from spojka.accounting.fakturoid.system import SYSTEM
from spojka.accounting.testing import SystemContract


class TestFakturoid(SystemContract):
    system = SYSTEM
    simulator = FakturoidSimulator
    non_payer = {"vat_mode": "non_vat_payer"}
    account = {"registration_no": "27074358", "pdf_delay": 0}
    token_path = "/oauth/token"
    calls = {
        "invoice": 2, "invoice_known": 1, "paid": 1, "email": 1, "pdf": 1, "proforma_to_final": 5,
    }  # fmt: skip
    broken = {
        "no right to write": {"permission": "read"},
        "unpaid": {"blocked": True},
        "no bank account": {"bank_account": False},
        "not a payer there": {"vat_mode": "non_vat_payer"},
        "no account at all": {"slug": ""},
        "several accounts": {"other_accounts": ["druha-firma"]},
    }
