"""Numbers reserved before they are sent, and contacts found before they are made."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from spojka.accounting.idoklad.system import SYSTEM
from spojka.accounting.idoklad.tests.box import (
    TODAY,
    box,
    by_hand,
    customer,
    document,
    key_of,
    line,
    reload,
    seller,
    sent,
)
from spojka.accounting.simulator import Answer, Asked, Fault
from spojka.core.document import (
    Kind,
)
from spojka.core.outcome import RejectedError, Rejection, UnavailableError, UncertainError

# numbers


def test_numbers_go_on_where_the_series_is() -> None:
    with box() as b:
        first = b.create(document())
        by_hand(b, 2)
        by_hand(b, 3)
        b.asked()
        second = b.create(document(number="1002"))
        assert (first.number, second.number) == ("20260001", "20260004")
        assert b.asked().count("POST /v3/IssuedInvoices") == 2
        reload(b)
        by_hand(b, 5)
        reload(b)
        b.asked()
        assert b.create(document(number="1003")).number == "20260006"
        assert b.asked() == ["POST /v3/IssuedInvoices"]


def test_a_new_year_begins_at_one() -> None:
    with box() as b:
        b.create(document())
        reload(b)
        later = TODAY.replace(year=2027)
        d = document(number="1002", issued_on=later, taxable_on=later, due_on=later)
        assert b.create(d).number == "20270001"


def test_a_number_of_refused_data_is_given_out_again() -> None:
    with box() as b:
        with pytest.raises(RejectedError) as error:
            b.create(document(variable_symbol="12345678901"))
        assert error.value.problem.code == "SPJ-IDOKLAD-REFUSED"
        assert "VariableSymbol" in error.value.problem.facts["said"]
        assert b.create(document(number="1002")).number == "20260001"


def test_a_document_that_was_made_is_found_by_its_number_although_its_text_was_changed() -> None:
    with box() as b:
        d = document()
        b.simulator.fail(Fault.RESET_AFTER, match="POST /v3/IssuedInvoices")
        with pytest.raises(UncertainError):
            b.create(d)
        (kept,) = b.simulator.books()
        b.simulator.act(
            "edit", external_id=kept.external_id, fields={"Description": "Hrnečky pro Janu"}
        )
        found = SYSTEM.look_up(b.with_(attempt=1), d, key_of(d))
        assert found is not None and found.external_id == kept.external_id
        b.asked()
        assert b.create(d, attempt=1).external_id == kept.external_id
        assert len(b.simulator.books()) == 1


def test_a_number_in_doubt_is_kept_whatever_was_loaded_since() -> None:
    with box() as b:
        d = document()
        b.simulator.fail(Fault.RESET_AFTER, match="POST /v3/IssuedInvoices")
        with pytest.raises(UncertainError):
            b.create(d)
        reload(b)
        assert b.create(d, attempt=1).number == "20260001"
        assert len(b.simulator.books()) == 1


def test_a_used_number_whose_document_is_not_shown_yet_decides_nothing() -> None:
    with box() as b:
        d = document()
        b.simulator.fail(Fault.STALE, match="POST /v3/IssuedInvoices")
        with pytest.raises(UncertainError):
            b.create(d)
        for again in (SYSTEM.look_up, SYSTEM.create):
            with pytest.raises(UnavailableError) as error:
                again(b.with_(attempt=1), d, key_of(d))
            assert error.value.problem.code == "SPJ-IDOKLAD-NOT-VISIBLE"
        b.simulator.shift += timedelta(minutes=1)
        found = SYSTEM.look_up(b.with_(attempt=1), d, key_of(d))
        assert found is not None and found.number == "20260001"


def test_a_number_that_is_taken_and_free_decides_nothing() -> None:
    """The list of numbers may be behind: no other number is taken for a document in doubt."""
    with box() as b:
        d = document()
        b.simulator.fail(Fault.RESET_AFTER, match="POST /v3/IssuedInvoices")
        with pytest.raises(UncertainError):
            b.create(d)
        usual = b.simulator.answer

        def behind(asked: Asked) -> Answer:
            if "DocumentNumbers" not in asked.path:
                return usual(asked)
            shown = {"DocumentNumber": "20260001", "DocumentSerialNumber": 1, "IsUnique": True}
            return b.simulator.ok({"Unique": shown, "Custom": shown})

        b.answer(behind)
        with pytest.raises(UnavailableError) as error:
            b.create(d, attempt=1)
        assert error.value.problem.code == "SPJ-IDOKLAD-NOT-VISIBLE"
        assert len(b.simulator.books()) == 1


def test_a_number_in_doubt_survives_a_refusal() -> None:
    with box() as b:
        d = document()
        b.simulator.fail(Fault.RESET_AFTER, match="POST /v3/IssuedInvoices")
        with pytest.raises(UncertainError):
            b.create(d)
        b.simulator.account["role"] = 2
        with pytest.raises(RejectedError):
            b.create(d, attempt=1)
        b.simulator.account["role"] = 0
        assert b.create(d, attempt=2).number == "20260001"
        assert len(b.simulator.books()) == 1


def test_a_number_that_another_document_took_meanwhile_is_not_ours() -> None:
    with box() as b:
        b.create(document())
        d = document(number="1002")
        b.simulator.fail(Fault.RESET_BEFORE, match="POST /v3/IssuedInvoices")
        with pytest.raises(UncertainError):
            b.create(d)
        by_hand(b, 2)
        assert SYSTEM.look_up(b.with_(attempt=1), d, key_of(d)) is None
        assert b.create(d, attempt=1).number == "20260003"


def test_a_series_of_a_rule_wins_over_that_of_the_connection() -> None:
    with box(settings={"series_invoice": "6"}) as b:
        assert b.create(document()).number == "92600001"
        d = document(number="1002", texts=(("series", "5"),))
        assert b.create(d).number == "20260001"
        gone = document(number="1003", texts=(("series", "7"),))
        with pytest.raises(RejectedError) as error:
            b.create(gone)
        assert error.value.problem.code == "SPJ-IDOKLAD-SERIES-GONE"
        assert error.value.rejection is Rejection.CONFIG


def test_the_number_of_a_deleted_document_is_used_again() -> None:
    with box() as b:
        d = document()
        issued = b.create(d)
        SYSTEM.delete(b.session, d, issued, f"{d.uuid}:delete")
        SYSTEM.delete(b.session, d, issued, f"{d.uuid}:delete")
        assert SYSTEM.read(b.session, issued.external_id, Kind.INVOICE) is None
        assert b.create(document(number="1002")).number == issued.number


def test_without_loaded_data_nothing_is_sent() -> None:
    with box(loaded=False) as b:
        with pytest.raises(RejectedError) as error:
            b.create(document())
        assert error.value.problem.code == "SPJ-IDOKLAD-NOT-LOADED"
        assert b.asked() == []


def test_a_number_in_doubt_does_not_follow_into_another_series() -> None:
    with box() as b:
        b.create(document())
        d = document(number="1002")
        b.simulator.fail(Fault.RESET_BEFORE, match="POST /v3/IssuedInvoices")
        with pytest.raises(UncertainError):
            b.create(d)
        assert b.create(d, attempt=1, settings={"series_invoice": "6"}).number == "92600001"


# contacts


def test_a_known_customer_costs_no_call() -> None:
    with box() as b:
        b.create(document())
        assert b.asked() == ["POST /v3/Contacts", "POST /v3/IssuedInvoices"]
        b.create(document(number="1002"))
        assert b.asked() == ["POST /v3/IssuedInvoices"]


def test_a_customer_who_moved_is_brought_up_to_date() -> None:
    with box() as b:
        b.create(document())
        b.asked()
        moved = customer(address=replace(customer().address, street="Krátká 1"))
        issued = b.create(document(number="1002", customer=moved))
        assert b.asked() == ["PATCH /v3/Contacts", "POST /v3/IssuedInvoices"]
        assert issued.raw["PartnerAddress"]["Street"] == "Krátká 1"
        assert len(b.simulator.state["contacts"]) == 1


def test_a_company_that_the_accountant_entered_is_found_by_its_number() -> None:
    with box() as b:
        there = {
            "Id": 55,
            "CompanyName": "Odběratel a.s.",
            "CountryId": 2,
            "IdentificationNumber": "45274649",
            "Note": "platí pozdě",
            "Fax": "123",
            "Metadata": {"DateLastChange": "2026-03-01T00:00:00.000"},
        }
        b.simulator.state["contacts"].append(there)
        buyer = customer(
            address=replace(customer().address, company="Odběratel a.s."), company_id="452 74 649"
        )
        assert b.session.contacts is not None
        b.session.contacts.complete = False  # type: ignore[misc]
        b.create(document(customer=buyer))
        assert b.asked() == ["GET /v3/Contacts", "PATCH /v3/Contacts", "POST /v3/IssuedInvoices"]
        (there,) = b.simulator.state["contacts"]
        assert (there["Note"], there["Fax"], there["City"]) == ("platí pozdě", "123", "Brno")
        reload(b)
        assert ("company:45274649", "55") in b.session.loaded.contacts
        assert len(b.simulator.state["contacts"]) == 1


def test_after_an_uncertain_contact_it_is_looked_for_before_another_is_made() -> None:
    with box() as b:
        d = document()
        b.simulator.fail(Fault.RESET_AFTER, match="POST /v3/Contacts")
        with pytest.raises(UncertainError):
            b.create(d)
        b.create(d, attempt=1)
        assert len(b.simulator.state["contacts"]) == 1
        assert b.asked()[-2:] == ["GET /v3/Contacts", "POST /v3/IssuedInvoices"]


@pytest.mark.parametrize("status", [400, 404])
def test_a_contact_that_was_deleted_there_is_made_again(status: int) -> None:
    with box(partner_status=status) as b:
        b.create(document())
        b.simulator.act("delete_contact", contact=b.simulator.state["contacts"][0]["Id"])
        b.asked()
        b.create(document(number="1002"))
        assert b.asked() == [
            "POST /v3/IssuedInvoices",
            "POST /v3/Contacts",
            "POST /v3/IssuedInvoices",
        ]


def test_a_contact_that_was_deleted_is_made_again_where_its_data_changed() -> None:
    with box() as b:
        b.create(document())
        b.simulator.act("delete_contact", contact=b.simulator.state["contacts"][0]["Id"])
        moved = customer(address=replace(customer().address, street="Krátká 1"))
        b.create(document(number="1002", customer=moved))
        assert len(b.simulator.state["contacts"]) == 1


@pytest.mark.parametrize(
    ("country", "expected"),
    [
        ("CZ", ("SK2020372640", "")),
        ("SK", ("2020372640", "SK2020372640")),
    ],
)
def test_tax_numbers_go_where_the_agendas_law_has_them(
    country: str, expected: tuple[str, str]
) -> None:
    with box(country=country) as b:
        buyer = customer(
            address=replace(customer().address, company="Odberateľ, a. s.", country="SK"),
            company_id="31333532",
            tax_id="2020372640",
            vat_id="SK2020372640",
        )
        currency = "EUR" if country == "SK" else "CZK"
        rate = "23" if country == "SK" else "21"
        lines = (line(tax=f"{rate}.00", rate=rate),)
        b.create(document(customer=buyer, currency=currency, lines=lines, seller=seller(country)))
        contact = sent(b, "Contacts")
        assert (
            contact["VatIdentificationNumber"],
            contact["VatIdentificationNumberSk"],
        ) == expected
        assert (contact["CompanyName"], contact["Firstname"], contact["Surname"]) == (
            "Odberateľ, a. s.",
            "Jana",
            "Nováková",
        )


def test_long_texts_are_cut_to_what_fits() -> None:
    with box() as b:
        address = replace(customer().address, street="Dlouhá " * 30, city="Ústí " * 20)
        d = document(
            number="OBJEDNAVKA-2026-000000000001001",
            customer=customer(address=address, phone="+420 600 100 200 linka 12345"),
            lines=(line(name="Hrnek s potiskem " * 30, sku="HRNEK-S-POTISKEM-MODRY-VELKY"),),
        )
        issued = b.create(d)
        assert issued.order_number == "OBJEDNAVKA-2026-000000000"
        assert SYSTEM.look_up(b.session, d, key_of(d)) is not None
