"""Rows of the checklist that every system has, and the names of a customer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spojka.accounting import checklist
from spojka.accounting.contacts import names
from spojka.core.catalogue import LANGUAGES
from spojka.core.descriptor import CheckStatus
from spojka.core.order import Address, Customer
from spojka.core.outcome import OutcomeError, RejectedError, Rejection, UnavailableError
from spojka.core.problem import Problem


def failed(code: str) -> OutcomeError:
    return UnavailableError(Problem.of(code, host="api.toy.example"), "their words")


@pytest.mark.parametrize(
    ("error", "rows", "reached"),
    [
        (None, {"address": "ok", "tls": "ok"}, True),
        (failed("SPJ-NET-NAME"), {"address": "fail"}, False),
        (failed("SPJ-NET-CONNECT"), {"address": "fail"}, False),
        (failed("SPJ-NET-ADDRESS-BLOCKED"), {"address": "fail"}, False),
        (failed("SPJ-NET-TIMEOUT"), {"address": "fail"}, False),
        (failed("SPJ-NET-TLS"), {"address": "ok", "tls": "fail"}, False),
        (
            RejectedError(Problem.of("SPJ-TOY-LOGIN"), Rejection.CONFIG),
            {"address": "ok", "tls": "ok"},
            True,
        ),
    ],
)
def test_how_the_first_request_ended_makes_two_rows(
    error: OutcomeError | None, rows: dict[str, str], reached: bool
) -> None:
    found = list(checklist.reached(error, "api.toy.example", link="https://toy.example/"))
    assert {row.key: row.status.value for row in found} == rows
    assert checklist.was_reached(error) is reached
    for row in found:
        assert (row.problem is not None) == (row.status is CheckStatus.FAIL)
        assert (row.link != "") == (row.status is CheckStatus.FAIL)


def test_what_only_warns_keeps_nobody_from_activating() -> None:
    assert not checklist.warn("company", Problem.of("SPJ-TOY")).necessary
    assert checklist.fail("login", Problem.of("SPJ-TOY")).necessary
    assert not checklist.fail("vat_mode", Problem.of("SPJ-TOY"), necessary=False).necessary


def test_rows_are_called_something_in_every_language() -> None:
    for label in checklist.LABELS.values():
        assert all(label.get(language) for language in LANGUAGES)


COMPANY = Customer(
    Address(company="Odběratel a.s.", street="Široká 5", city="Ostrava", country="CZ"),
    email="nakup@example.com",
    company_id="452 74 649",
)
PERSON = Customer(Address(name="Jana", city="Brno", country="CZ"), email="Jana@Example.com ")


def test_a_company_goes_by_its_number_whatever_else_changes() -> None:
    first, moved = names(COMPANY), names(replace(COMPANY, email="ucetni@example.com"))
    assert first["company"] == "company:45274649"
    assert (first["own"], first["company"]) == (moved["own"], moved["company"])
    assert first["data"] != moved["data"]
    abroad = replace(COMPANY, address=replace(COMPANY.address, country="SK"))
    assert names(abroad)["own"] != first["own"]


def test_a_person_goes_by_e_mail_and_name() -> None:
    first = names(PERSON)
    assert "company" not in first
    moved = replace(PERSON, address=replace(PERSON.address, city="Praha"))
    assert names(moved)["own"] == first["own"] and names(moved)["data"] != first["data"]
    assert names(replace(PERSON, email="jana@example.com"))["own"] == first["own"]
    other = replace(PERSON, address=replace(PERSON.address, name="Petr"))
    assert names(other)["own"] != first["own"]


def test_nobody_is_taken_for_another_nameless_one() -> None:
    one = Customer(Address(name="Jana", city="Brno", country="CZ"))
    other = Customer(Address(name="Jana", city="Praha", country="CZ"))
    assert names(one)["own"] != names(other)["own"]
    shifted = Customer(Address(name="ab", company="c", country="CZ"), email="x@example.com")
    apart = Customer(Address(name="a", company="bc", country="CZ"), email="x@example.com")
    assert names(shifted)["data"] != names(apart)["data"]


def test_names_are_short_whatever_a_shop_wrote() -> None:
    junk = replace(COMPANY, company_id="not known, please ask our accountant " * 9)
    assert max(len(name) for name in names(junk).values()) <= 60
    assert "company" not in names(junk)
