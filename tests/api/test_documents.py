"""Documents by the API: downloaded, paid, credited, cancelled."""

from __future__ import annotations

import pytest

from spojka.engine import runner
from tests.api.conftest import Caller, send

pytestmark = pytest.mark.urls("tests.api.urls")


@pytest.fixture
def invoice(caller: Caller) -> str:
    """Path of an issued invoice over 121.00 that is not paid."""
    order = send(caller, paid_at=None)
    if order["documents"]:
        caller.post(f"/documents/{order['documents'][0]['id']}/cancel")
    issued = caller.post(f"/orders/{order['id']}/issue", {"kind": "invoice"}).json()
    runner.run_until_idle(20)
    return f"/documents/{issued['id']}"


def test_a_document_shows_its_lines_its_vat_and_its_effects(caller: Caller, invoice: str) -> None:
    body = caller.get(invoice).json()

    assert (body["state"], body["net"], body["tax"], body["total"]) == (
        "issued",
        "100.00",
        "21.00",
        "121.00",
    )
    assert body["vat"] == [
        {"rate": "21", "treatment": "standard", "net": "100.00", "tax": "21.00", "gross": "121.00"}
    ]
    assert body["effects"][0]["kind"] == "create"


def test_the_archived_files_are_downloaded_under_the_documents_number(
    caller: Caller, invoice: str
) -> None:
    number = caller.get(invoice).json()["number"]
    pdf = caller.get(f"{invoice}/pdf")
    isdoc = caller.get(f"{invoice}/isdoc")

    assert pdf.content.startswith(b"%PDF-")
    assert pdf.headers["Content-Disposition"] == f'attachment; filename="{number}.pdf"'
    assert number.encode() in isdoc.content


def test_a_file_that_does_not_exist_is_said_to_be_missing(caller: Caller) -> None:
    order = send(caller, total="500.00")
    answer = caller.get(f"/documents/{order['documents'][0]['id']}/pdf")

    assert (answer.status_code, answer.json()["code"]) == (404, "SPJ-DOCUMENT-NO-FILE")


def test_paying_and_taking_it_back(caller: Caller, invoice: str) -> None:
    assert caller.post(f"{invoice}/pay", {"amount": "500.00"}).status_code == 409
    assert caller.post(f"{invoice}/pay", {"amount": "-1"}).status_code == 422
    assert caller.post(f"{invoice}/pay", {"paid_on": "2026-11-21"}).status_code == 200
    runner.run_until_idle(20)
    body = caller.get(invoice).json()
    assert (body["paid"], body["paid_amount"], body["paid_on"]) == (True, "121.00", "2026-11-21")

    assert caller.post(f"{invoice}/unpay").status_code == 200
    runner.run_until_idle(20)
    assert caller.get(invoice).json()["paid"] is False


def test_crediting_a_part_and_never_more_than_there_is(caller: Caller, invoice: str) -> None:
    note = caller.post(f"{invoice}/credit", {"amount": "60.50", "reason": "Poškozeno"}).json()
    runner.run_until_idle(20)

    body = caller.get(f"/documents/{note['id']}").json()
    assert (body["kind"], body["total"], body["state"]) == ("credit_note", "-60.50", "issued")
    assert body["vat"][0]["tax"] == "-10.50"
    both = caller.post(f"{invoice}/credit", {"amount": "1", "items": {"1": "1"}, "reason": "x"})
    assert both.status_code == 422
    assert caller.post(f"{invoice}/credit", {"amount": "1", "reason": " "}).status_code == 422


def test_cancelling_keeps_the_number(caller: Caller, invoice: str) -> None:
    number = caller.get(invoice).json()["number"]
    assert caller.post(f"{invoice}/cancel").status_code == 200
    runner.run_until_idle(20)
    body = caller.get(invoice).json()
    assert (body["state"], body["number"]) == ("cancelled", number)


def test_documents_are_filtered(caller: Caller, invoice: str) -> None:
    def found(query: str) -> int:
        return len(caller.get(f"/documents?{query}").json()["items"])

    assert found("kind=invoice&state=issued") == 1
    assert found("kind=credit_note") == 0
    assert found("paid=true&kind=invoice") == 0
    assert found("currency=czk&kind=invoice") == 1
    assert caller.get("/documents?kind=receipt").status_code == 422


def test_what_waits_for_a_person_is_grouped_by_cause(caller: Caller) -> None:
    order = send(caller, total="500.00")
    [group] = caller.get("/attention").json()

    assert group["code"] == "SPJ-ORDER-SUM"
    assert group["held"] == [order["documents"][0]["id"]]
    assert group["fix"]


def test_a_held_document_is_tried_again_after_the_order_was_mended(caller: Caller) -> None:
    order = send(caller, total="500.00")
    document = order["documents"][0]["id"]
    send(caller, total="121.00")
    runner.run_until_idle(20)
    state = caller.get(f"/documents/{document}").json()["state"]
    if state == "held":
        assert caller.post(f"/documents/{document}/retry").status_code == 200
        runner.run_until_idle(20)
    assert caller.get(f"/documents/{document}").json()["state"] == "issued"


def test_the_archive_is_verified(caller: Caller, invoice: str) -> None:
    body = caller.get("/archive/verify").json()
    assert body["ok"] is True
    assert body["entries"] > 0
