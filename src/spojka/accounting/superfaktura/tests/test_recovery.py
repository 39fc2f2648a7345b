"""How a lost answer is found, and how documents end."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from spojka.accounting.simulator import Answer, Fault
from spojka.accounting.superfaktura.system import SYSTEM
from spojka.accounting.superfaktura.tests.helpers import (
    account,
    document,
    issue,
    key,
    paid,
    sent,
)
from spojka.core.document import (
    Kind,
)
from spojka.core.outcome import RejectedError, Rejection, UnavailableError, UncertainError

# an answer that was lost


@pytest.mark.parametrize("replay", ["data", "wrapped"])
def test_a_lost_answer_is_asked_for_by_its_checksum(replay: str) -> None:
    with account(replay=replay) as there:
        d = document()
        there.simulator.fail(Fault.RESET_AFTER, "create")
        with pytest.raises(UncertainError):
            issue(there, d)
        found = SYSTEM.look_up(there.session(), d, key(d))
        assert there.calls[1:] == [f"GET /api_logs/getResponseByChecksum/{sent(there)['checksum']}"]
        assert found is not None
        assert found.number == "2026001"
        assert found.total == d.total
        assert SYSTEM.look_up(there.session(), d, "another") is None


def test_what_the_log_does_not_know_is_found_by_order_and_key() -> None:
    with account() as there:
        d = document()
        issue(there, document(uuid="another"))
        issued = issue(there, d)
        there.simulator.state["log"].clear()
        found = SYSTEM.look_up(there.session(), d, key(d))
        assert found is not None
        assert found.external_id == issued.external_id
        # Another kind, or another document of the same order, is not it.
        assert SYSTEM.look_up(there.session(), document(Kind.PROFORMA), key(d)) is None
        assert SYSTEM.look_up(there.session(), d, "foreign:create") is None


def test_an_order_number_that_cannot_stand_in_a_path_is_found_by_its_day() -> None:
    with account() as there:
        d = document(order_number="2026/1001 č")
        issued = issue(there, d)
        there.simulator.state["log"].clear()
        found = SYSTEM.look_up(there.session(), d, key(d))
        assert found is not None
        assert found.external_id == issued.external_id


def test_a_document_of_last_year_is_found_all_the_same() -> None:
    with account() as there:
        last_year = date(2025, 12, 30)
        d = document(issued_on=last_year, due_on=last_year, taxable_on=last_year)
        issue(there, d)
        there.simulator.state["log"].clear()
        found = SYSTEM.look_up(there.session(), d, key(d))
        assert found is not None
        assert found.number == "2025001"


def test_a_kept_refusal_is_no_document() -> None:
    with account() as there:
        d = document(currency="XAU")
        with pytest.raises(RejectedError) as caught:
            issue(there, d)
        assert caught.value.problem.code == "SPJ-SUPERFAKTURA-CURRENCY"
        assert SYSTEM.look_up(there.session(), d, key(d)) is None


@pytest.mark.parametrize("answer", [{}, {"error": 0}, {"items": None}, "ok", 5])
def test_an_answer_without_sense_is_not_taken_for_nothing_found(answer: Any) -> None:
    with account() as there:
        d = document()
        issued = issue(there, d)
        there.simulator.state["log"].clear()
        there.simulator._carried_out = lambda asked: Answer.json(answer)  # type: ignore[method-assign]
        with pytest.raises(UnavailableError):
            SYSTEM.look_up(there.session(), d, key(d))
        with pytest.raises(UnavailableError):
            SYSTEM.read(there.session(), issued.external_id, Kind.INVOICE)
        with pytest.raises(UnavailableError):
            list(SYSTEM.changes(there.session(), None))


def test_success_without_a_document_is_uncertain() -> None:
    with account() as there:
        there.simulator.fail(Fault.EMPTY_SUCCESS, "create")
        with pytest.raises(UncertainError) as caught:
            issue(there, document())
        assert caught.value.problem.code == "SPJ-SUPERFAKTURA-NO-DOCUMENT"


# the end of a document


def test_cancelling_twice_is_cancelling_once() -> None:
    for again in ("done", "refused"):
        with account(written_off_again=again) as there:
            d = document(Kind.PROFORMA)
            issued = issue(there, d)
            SYSTEM.cancel(there.session(), d, issued, "k")
            SYSTEM.cancel(there.session(), d, issued, "k")
            assert there.simulator.books()[0].cancelled


def test_a_paid_document_is_not_cancelled() -> None:
    with account() as there:
        d = paid(document())
        issued = issue(there, d)
        with pytest.raises(RejectedError) as caught:
            SYSTEM.cancel(there.session(), d, issued, "k")
        assert caught.value.problem.code == "SPJ-SUPERFAKTURA-NOT-CANCELLED"


def test_deleting_twice_is_deleting_once() -> None:
    with account() as there:
        d = document()
        issued = issue(there, d)
        SYSTEM.delete(there.session(), d, issued, "k")
        SYSTEM.delete(there.session(), d, issued, "k")
        SYSTEM.cancel(there.session(), d, issued, "k")
        assert there.simulator.books() == []
        assert SYSTEM.read(there.session(), issued.external_id, Kind.INVOICE) is None


@pytest.mark.parametrize(
    ("locked_delete", "code"), [("said", "LOCKED"), ("refused", "NOT-DELETED")]
)
def test_a_locked_document_is_not_taken_for_deleted(locked_delete: str, code: str) -> None:
    with account(locked_delete=locked_delete) as there:
        d = document()
        issued = issue(there, d)
        there.simulator.act("lock")
        with pytest.raises(RejectedError) as caught:
            SYSTEM.delete(there.session(), d, issued, "k")
        assert caught.value.problem.code == f"SPJ-SUPERFAKTURA-{code}"
        assert caught.value.rejection is Rejection.PERMANENT
