"""The checklist, loading of data, and the choice of an account."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from spojka.accounting.contract import LoadedData
from spojka.accounting.fakturoid import loading
from spojka.accounting.fakturoid.client import base
from spojka.accounting.fakturoid.descriptor import DESCRIPTOR
from spojka.accounting.fakturoid.system import SYSTEM
from spojka.accounting.fakturoid.tests.world import SELLER, World, document, world
from spojka.accounting.simulator import Fault
from spojka.core import catalogue
from spojka.core.descriptor import Check, CheckStatus
from spojka.core.document import VatMode
from spojka.core.outcome import RejectedError

ROWS = ["address", "tls", "login", "company", "plan", "rights", "series", "bank_account",
        "vat_mode", "read"]  # fmt: skip


def check(w: World, **more: Any) -> list[Check]:
    return list(SYSTEM.verify(w.session(**more)))


def problems(rows: list[Check]) -> dict[str, str]:
    return {row.key: row.problem.code for row in rows if row.problem}


def test_a_healthy_account() -> None:
    with world() as w:
        rows = check(w)
        assert [row.key for row in rows] == ROWS
        assert {row.status for row in rows} == {CheckStatus.OK}
        details = {row.key: row.detail for row in rows}
        assert details["company"] == "Zkušební s.r.o. · 27082440"
        assert details["series"] == "#yyyy#-#dddd#, ESHOP#yyyy##ddddd#"
        assert details["bank_account"] == "Běžný účet"
        assert w.simulator.books() == []
        links = {row.key: row.link for row in rows}
        assert links["company"] == "https://app.fakturoid.cz/zkusebni/settings"


@pytest.mark.parametrize(
    ("account", "more", "row", "code", "necessary"),
    [
        ({"blocked": True}, {}, "plan", "SPJ-FAKTUROID-BLOCKED", True),
        ({"permission": "read"}, {}, "rights", "SPJ-FAKTUROID-RIGHTS", True),
        ({"allowed_scope": ["expenses"]}, {}, "rights", "SPJ-FAKTUROID-RIGHTS", True),
        ({"plan": "Zdarma", "plan_price": 0}, {}, "plan", "SPJ-FAKTUROID-PLAN-FREE", False),
        ({"bank_account": False}, {}, "bank_account", "SPJ-FAKTUROID-BANK-ACCOUNT", True),
        ({"number_formats": "missing"}, {}, "series", "SPJ-FAKTUROID-SERIES-UNREADABLE", False),
        ({"vat_mode": "non_vat_payer"}, {}, "vat_mode", "SPJ-FAKTUROID-VAT-NOT-PAYER", True),
        (
            {},
            {"seller": replace(SELLER, vat_mode=VatMode.NON_PAYER)},
            "vat_mode",
            "SPJ-FAKTUROID-VAT-PAYER",
            True,
        ),
        (
            {"vat_mode": "identified_person"},
            {"seller": replace(SELLER, vat_mode=VatMode.NON_PAYER)},
            "vat_mode",
            "SPJ-FAKTUROID-VAT-IDENTIFIED",
            False,
        ),
        ({"registration_no": "25596641"}, {}, "company", "SPJ-FAKTUROID-OTHER-COMPANY", False),
        ({"slug": ""}, {}, "company", "SPJ-FAKTUROID-NO-ACCOUNT", True),
        ({"other_accounts": ["druha"]}, {}, "company", "SPJ-FAKTUROID-ACCOUNT-CHOOSE", True),
        ({"strict_user_agent": True}, {"seller": None}, "login", "SPJ-FAKTUROID-HEADERS", True),
        ({}, {"settings": {"series_invoice": "99"}}, "series", "SPJ-FAKTUROID-SERIES-GONE", True),
        (
            {},
            {"settings": {"bank_account": "99"}},
            "bank_account",
            "SPJ-FAKTUROID-BANK-ACCOUNT-GONE",
            True,
        ),
    ],
)
def test_what_is_wrong_is_said_in_its_row(
    account: Any, more: Any, row: str, code: str, necessary: bool
) -> None:
    with world(**account) as w:
        rows = check(w, **more)
        (wrong,) = [one for one in rows if one.problem and one.problem.code == code]
        assert wrong.key == row
        assert wrong.status is (CheckStatus.FAIL if necessary else CheckStatus.WARN)
        assert wrong.necessary is necessary
        assert wrong.problem is not None
        for language in catalogue.LANGUAGES:
            said = catalogue.explain(wrong.problem, language)
            assert said.code == code
            assert "…" not in said.cause + said.fix


@pytest.mark.parametrize(
    ("credentials", "row", "code"),
    [
        ({"client_secret": "wrong"}, "login", "SPJ-FAKTUROID-KEY"),
        ({"slug": "cizi"}, "company", "SPJ-FAKTUROID-ACCOUNT-UNKNOWN"),
        ({"address": "http://nobody.invalid"}, "address", "SPJ-NET-NAME"),
    ],
)
def test_wrong_credentials(credentials: dict[str, str], row: str, code: str) -> None:
    with world() as w:
        given = {**w.simulator.credentials(w.address), **credentials}
        rows = check(w, credentials=given)
        assert problems(rows) == {row: code}
        assert rows[-1].key == row


def test_an_address_where_something_else_answers() -> None:
    with world() as w:
        given = {**w.simulator.credentials(f"{w.address}/jinam")}
        assert problems(check(w, credentials=given)) == {"login": "SPJ-FAKTUROID-ADDRESS"}
        w.simulator.fail(Fault.MAINTENANCE)
        assert problems(check(w)) == {"login": "SPJ-FAKTUROID-ADDRESS"}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", "https://app.fakturoid.cz/api/v3"),
        ("http://127.0.0.1:8090/", "http://127.0.0.1:8090/api/v3"),
        (" http://127.0.0.1:8090/api/v3 ", "http://127.0.0.1:8090/api/v3"),
    ],
)
def test_the_address_replaces_the_vendors_host(address: str, expected: str) -> None:
    with world() as w:
        given = {**w.simulator.credentials(address)}
        assert base(w.session(credentials=given)) == expected


def test_the_account_is_chosen_from_a_list() -> None:
    with world(other_accounts=["druha"]) as w:
        listed = SYSTEM.accounts(w.session())
        assert [(one.id, one.name) for one in listed] == [
            ("zkusebni", "Zkušební s.r.o."),
            ("druha", "druha"),
        ]
        w.loaded = LoadedData()
        with pytest.raises(RejectedError, match="SPJ-FAKTUROID-ACCOUNT-CHOOSE"):
            w.create(document())
        chosen = {**w.simulator.credentials(w.address), "slug": "zkusebni"}
        assert {row.status for row in check(w, credentials=chosen)} == {CheckStatus.OK}
        assert w.create(document(), credentials=chosen).number == "2026-0001"


def test_a_single_account_needs_no_choice() -> None:
    with world() as w:
        w.loaded = LoadedData()
        with w.counted() as calls:
            w.create(document())
        assert "GET /api/v3/user.json" in calls


# Load data


def test_what_is_loaded() -> None:
    with world() as w:
        w.create(document())
        data = w.load()
        assert [(one.id, one.name, one.default) for one in data.series] == [
            ("31", "#yyyy#-#dddd#", True),
            ("32", "ESHOP#yyyy##ddddd#", False),
        ]
        assert [(one.id, one.currency, one.default) for one in data.bank_accounts] == [
            ("11", "CZK", True)
        ]
        assert (data.vat_mode, data.currencies) == ("payer", ("CZK",))
        assert data.facts["slug"] == "zkusebni"
        assert data.contacts_complete
        assert [name.partition("-")[0] for name, _ in data.contacts] == ["spojka"]


def test_number_formats_that_cannot_be_read_are_done_without() -> None:
    with world(number_formats="missing") as w:
        assert w.load().series == ()
        assert w.create(document()).number == "2026-0001"


def test_a_chosen_series_and_that_of_a_rule() -> None:
    with world() as w:
        w.settings["series_invoice"] = "32"
        assert w.create(document()).number == "ESHOP202600001"
        ruled = document(texts=(("series", "31"),))
        assert w.create(ruled, "2:create").number == "2026-0001"
        gone = document(texts=(("series", "77"),))
        with pytest.raises(RejectedError, match="SPJ-FAKTUROID-SERIES-GONE"):
            w.create(gone, "3:create")


def test_of_many_contacts_only_the_changed_ones_are_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "CONTACT_PAGES", 2)
    with world() as w:
        deeds = w.simulator._routes().deeds
        for at in range(85):
            deeds.subject({"name": f"Kontakt {at}", "custom_id": f"spojka-{at}"})
        w.simulator.shift = timedelta(hours=1)
        first = w.load()
        assert (len(first.contacts), first.contacts_complete) == (80, False)
        w.simulator.shift = timedelta(hours=6)
        w.simulator._routes().deeds.subject({"name": "Nový", "custom_id": "spojka-new"})
        with w.counted() as calls:
            second = w.load()
        assert [name for name, _ in second.contacts] == ["spojka-new"]
        assert not second.contacts_complete
        assert calls.count("GET /api/v3/accounts/zkusebni/subjects.json") == 1


def test_the_form_demands_a_key_and_nothing_else() -> None:
    assert [one.key for one in DESCRIPTOR.fields if one.required] == ["client_id", "client_secret"]
    assert [one.key for one in DESCRIPTOR.fields if one.is_secret] == ["client_secret"]
    assert DESCRIPTOR.account == ("client_id",)
