"""The checklist: what is wrong with an account is named, row by row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from spojka.accounting.simulator import Answer
from spojka.accounting.superfaktura.simulator import SuperFakturaSimulator
from spojka.accounting.superfaktura.system import SYSTEM
from spojka.accounting.superfaktura.tests.helpers import SELLER, Account, account
from spojka.core import catalogue
from spojka.core.descriptor import Check, CheckStatus
from spojka.core.document import VatMode

ROWS = [
    "address", "tls", "login", "company", "plan", "rights", "series", "bank_account", "vat_mode",
    "read",
]  # fmt: skip


def verified(there: Account, **changes: Any) -> dict[str, Check]:
    return {row.key: row for row in SYSTEM.verify(there.session(**changes))}


def failed(rows: dict[str, Check]) -> dict[str, str]:
    return {
        key: row.problem.code.removeprefix("SPJ-SUPERFAKTURA-")
        for key, row in rows.items()
        if row.status is not CheckStatus.OK and row.problem
    }


def test_a_well_kept_account_passes_and_nothing_is_written() -> None:
    with account() as there:
        rows = verified(there)
        assert list(rows) == ROWS
        assert failed(rows) == {}
        assert rows["company"].detail == "Skúšobná firma, s.r.o. 12345678"
        assert rows["read"].detail == "0"
        assert len(there.calls) == 5
        assert there.simulator.books() == []
        assert there.simulator.state["clients"] == []


@pytest.mark.parametrize(
    ("settings", "row", "code"),
    [
        ({"premium": False}, "plan", "PLAN"),
        ({"role": "guest"}, "rights", "GUEST"),
        ({"role": "reader"}, "rights", "RIGHTS"),
        ({"series": []}, "series", "NO-SERIES"),
        ({"bank_accounts": 0}, "bank_account", "NO-BANK-ACCOUNT"),
        ({"tax_payer": "0"}, "vat_mode", "PAYS-HERE"),
        ({"ico": "87654321"}, "company", "OTHER-COMPANY"),
    ],
)
@pytest.mark.parametrize("language", ["slo", "cze", "eng"])
def test_each_fault_of_an_account_has_its_own_row_and_words(
    settings: dict[str, Any], row: str, code: str, language: str
) -> None:
    with account(language=language, **settings) as there:
        found = failed(verified(there))
    assert found == {row: code}


@pytest.mark.parametrize("status", [401, 403, 200])
def test_a_wrong_key_is_a_login_that_failed(status: int) -> None:
    with account(login_status=status) as there:
        rows = verified(there, login={"api_key": "wrong"})
        assert failed(rows) == {"login": "LOGIN"}
        explained = catalogue.explain(rows["login"].problem, "cs")  # type: ignore[arg-type]
        assert explained.link == "https://127.0.0.1/api_access"
        assert "simulator+spojka@example.com" in explained.cause


def test_another_server_is_an_address_that_is_wrong() -> None:
    with account() as there:
        wrong = there.address + "/blog"
        assert failed(verified(there, login={"address": wrong})) == {"address": "ADDRESS"}
        nobody = "http://127.0.0.1:1"
        assert failed(verified(there, login={"address": nobody})) == {"address": "SPJ-NET-CONNECT"}
        # Another system may answer as if all were well.
        there.simulator._carried_out = lambda asked: Answer.json({"ok": True})  # type: ignore[method-assign]
        assert failed(verified(there)) == {"address": "ADDRESS"}


def test_the_company_has_to_be_one_of_the_logins() -> None:
    with account(companies=2) as there:
        assert failed(verified(there, login={"company_id": "7"})) == {"company": "COMPANY"}
        rows = verified(there, login={"company_id": ""})
        assert failed(rows) == {"company": "COMPANY-CHOOSE"}
        assert failed(verified(there, login={"company_id": "2"})) == {}
        assert [choice.id for choice in SYSTEM.accounts(there.session())] == ["1", "2"]
    with account() as there:
        assert failed(verified(there, login={"company_id": ""})) == {}


def test_choices_that_are_gone_are_named() -> None:
    with account() as there:
        found = failed(verified(there, settings={"series_proforma": "99"}))
        assert found == {"series": "SERIES-GONE"}
        found = failed(verified(there, settings={"bank_account": "99"}))
        assert found == {"bank_account": "ACCOUNT-GONE"}


def test_a_company_that_pays_only_there_is_named() -> None:
    with account() as there:
        for mode in (VatMode.NON_PAYER, VatMode.IDENTIFIED):
            found = failed(verified(there, seller=replace(SELLER, vat_mode=mode)))
            assert found == {"vat_mode": "PAYS-THERE"}
        assert failed(verified(there, seller=None)) == {}


def test_loading_gives_what_settings_offer() -> None:
    with account(companies=2) as there:
        there.simulator.state["tags"]["2"] = "VIP"
        loaded = SYSTEM.load(there.session(login={"company_id": "2"}))
    assert [(c.id, c.kind, c.default) for c in loaded.series] == [
        ("1", "invoice", True),
        ("2", "proforma", True),
        ("3", "credit_note", True),
    ]
    assert loaded.bank_accounts[0].detail == "SK0000000000000000000001"
    assert loaded.vat_mode == "payer"
    assert loaded.facts["tags"] == {"1": "e-shop", "2": "VIP"}
    assert {"cod", "transfer"} <= {choice.id for choice in loaded.payment_methods}
    assert "CZK" in loaded.currencies


@pytest.mark.parametrize("mode", list(VatMode))
@pytest.mark.parametrize("country", ["CZ", "SK", "AT", "PL"])
def test_an_account_made_for_a_company_passes(mode: VatMode, country: str) -> None:
    seller = replace(SELLER, country=country, company_id="00027383", vat_mode=mode)
    with account(**SuperFakturaSimulator.fitting(seller)) as there:
        assert failed(verified(there, seller=seller)) == {}
