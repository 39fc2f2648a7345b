"""iDoklad under the contract suite."""

from __future__ import annotations

from spojka.accounting.idoklad.simulator import IdokladSimulator
from spojka.accounting.idoklad.system import SYSTEM
from spojka.accounting.testing import SystemContract


class TestIdoklad(SystemContract):
    system = SYSTEM
    simulator = IdokladSimulator
    non_payer = {"vat": "non_payer"}
    token_path = "/connect/token"
    broken = {
        "free plan": {"auth_error": 0},
        "another plan has to be chosen": {"auth_error": 1},
        "expired": {"auth_error": 2},
        "plan without the API": {"plan": 1},
        "no rights": {"role": 2},
        "API switched off": {"api_forbidden": True},
        "no VAT payer there": {"vat": "non_payer"},
    }
    calls = {
        "invoice": 2,
        "invoice_known": 1,
        "paid": 0,
        "email": 1,
        "pdf": 1,
        "proforma_to_final": 5,
    }


class TestIdokladTheOtherWay(SystemContract):
    """A Slovak agenda; whatever is not confirmed about iDoklad is the other way."""

    system = SYSTEM
    simulator = IdokladSimulator
    non_payer = {"vat": "non_payer"}
    country = "SK"
    token_path = "/connect/token"
    account = {
        "country": "SK",
        "company_id": "44981082",
        "plan": 2,
        "plain_login": False,
        "refusal_status": 200,
        "credit_note_sign": -1,
        "vat_by": "summary",
        "ties": ["down", "even"],
        "cuts_unit_price": True,
        "reduce_with_vat": True,
        "retry_after": True,
        "rate_headers": True,
        "partner_status": 404,
        "zone": "UTC",
        "rounding": 2,
    }
    calls = TestIdoklad.calls
