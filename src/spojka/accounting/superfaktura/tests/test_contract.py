"""The contract suite, and what of it is SuperFaktura's own."""

from __future__ import annotations

import re

from spojka.accounting.superfaktura.simulator import SuperFakturaSimulator
from spojka.accounting.superfaktura.system import SYSTEM
from spojka.accounting.testing import SystemContract

_WRITING_READS = re.compile(r"^GET /(invoice_payments/delete|invoices/(delete|will_not_be_paid))/")


class TestSuperFaktura(SystemContract):
    system = SYSTEM
    simulator = SuperFakturaSimulator
    non_payer = {"tax_payer": "0"}
    country = "SK"
    account = {"ico": "44981082"}
    broken = {
        "membership": {"premium": False},
        "guest": {"role": "guest"},
        "role": {"role": "reader"},
        "series": {"series": ["proforma"]},
        "vat": {"tax_payer": "0"},
        "refused company": {"unknown_company": "refused", "companies": 0},
    }
    calls = {
        "invoice": 1,
        "invoice_known": 1,
        "paid": 0,
        "email": 1,
        "pdf": 1,
        "proforma_to_final": 5,
    }

    def is_write(self, line: str) -> bool:
        return super().is_write(line) or bool(_WRITING_READS.match(line))


class TestSuperFakturaInCzechia(SystemContract):
    system = SYSTEM
    simulator = SuperFakturaSimulator
    non_payer = {"tax_payer": "0"}
    country = "CZ"
    account = {
        "ico": "27074358",
        "country": "CZ",
        "language": "cze",
        # What is not confirmed, the other way round.
        "replay": "wrapped",
        "credit_sign": "positive",
        "pdf_by_login": False,
        "produced_in": "parent",
        "copies_comment": True,
        "written_off_again": "refused",
        "repeated_checksum": "refused",
        "login_status": 403,
        "limit_answer": "429",
        "limit_stops": "all",
    }

    def is_write(self, line: str) -> bool:
        return super().is_write(line) or bool(_WRITING_READS.match(line))
