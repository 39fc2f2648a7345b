"""The simulated account does what the vendor's documentation says, and refuses what it refuses."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spojka.accounting.fakturoid.simulator import FakturoidSimulator
from spojka.accounting.fakturoid.tests.world import NOW
from spojka.accounting.simulator import Answer, Asked, Simulator

ROOT = "/api/v3/accounts/zkusebni"
AGENT = {"User-Agent": "Test (test@example.com)"}
_RECORD = (
    Path("shared")
    / "data/fakturoid/docs-examples"
    / "invoices__invoices-index__response__response_200_115_TRUNCATED.json"
)


class Desk:
    """Asks a simulated account as a program would, without a socket."""

    def __init__(self, **account: Any) -> None:
        self.simulator = FakturoidSimulator(clock=lambda: NOW, **account)
        self.token = ""

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, Answer]:
        given = {**AGENT, "Authorization": f"Bearer {self.token}", **(headers or {})}
        content = b"" if body is None else json.dumps(body).encode()
        target = path if path.startswith("/api") else f"{ROOT}/{path}"
        answer, _ = self.simulator.handle(Asked.of(method, target, given, content))
        is_json = answer.headers.get("Content-Type") == "application/json"
        return answer.status, json.loads(answer.body) if is_json else answer.body, answer

    def login(self, **headers: str) -> int:
        account = self.simulator.account
        key = b64encode(f"{account['client_id']}:{account['client_secret']}".encode()).decode()
        sent = {"Authorization": f"Basic {key}", "Accept": "application/json", **headers}
        grant = {"grant_type": "client_credentials"}
        status, said, _ = self.ask("POST", "/api/v3/oauth/token", grant, sent)
        self.token = said.get("access_token", self.token)
        return status

    def subject(self, **more: Any) -> int:
        _, said, _ = self.ask("POST", "subjects.json", {"name": "Zákazník s.r.o.", **more})
        return int(said["id"])

    def invoice(self, **more: Any) -> Any:
        subject = more.pop("subject_id", None) or self.subject()
        lines = [{"name": "Práce", "unit_price": "1000", "vat_rate": "21"}]
        body = {"subject_id": subject, "lines": lines, **more}
        return self.ask("POST", "invoices.json", body)[1]


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.login()
    return made


# Login and headers


def test_every_request_needs_a_user_agent() -> None:
    desk = Desk()
    status, said, _ = desk.ask("GET", "/api/v3/user.json", headers={"User-Agent": ""})
    assert (status, said["error"]) == (400, "invalid_request")
    assert desk.login(**{"User-Agent": ""}) == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Accept": "*/*"}, 415),
        ({"Authorization": "Basic bm9ib2R5Om5vdGhpbmc="}, 401),
        ({"Authorization": "Bearer x"}, 401),
    ],
)
def test_the_token(headers: dict[str, str], status: int) -> None:
    assert Desk().login(**headers) == status


def test_a_new_token_ends_the_one_before_and_each_ends_after_two_hours(desk: Desk) -> None:
    first = desk.token
    assert desk.login() == 200
    second, desk.token = desk.token, first
    assert desk.ask("GET", "/api/v3/user.json")[0] == 401
    desk.token = second
    assert desk.ask("GET", "/api/v3/user.json")[0] == 200
    desk.simulator.shift = timedelta(seconds=7200)
    assert desk.ask("GET", "/api/v3/user.json")[0] == 401


def test_limits_stand_on_every_answer(desk: Desk) -> None:
    desk.simulator.account["limit"] = 3
    _, _, answer = desk.ask("GET", "account.json")
    assert answer.headers["X-RateLimit-Policy"] == "default;q=3;w=60"
    assert answer.headers["X-RateLimit"] == "default;r=1;t=60"
    desk.ask("GET", "nowhere.json")
    status, _, answer = desk.ask("GET", "account.json")
    assert (status, answer.headers["X-RateLimit"]) == (429, "default;r=0;t=60")
    desk.simulator.shift = timedelta(seconds=60)
    assert desk.ask("GET", "account.json")[0] == 200


@pytest.mark.parametrize(
    ("account", "method", "status"),
    [
        ({"blocked": True}, "GET", 402),
        ({"read_only": True}, "POST", 503),
        ({"read_only": True}, "GET", 200),
        ({"permission": "read"}, "POST", 403),
        ({"permission": "read"}, "GET", 200),
        ({"allowed_scope": []}, "GET", 403),
    ],
)
def test_what_closes_an_account(account: Any, method: str, status: int) -> None:
    desk = Desk(**account)
    desk.login()
    assert desk.ask(method, "subjects.json", {"name": "Zákazník"})[0] == status


# Documents


def test_a_record_has_every_attribute_of_their_example(desk: Desk) -> None:
    found = [parent / _RECORD for parent in Path(__file__).parents if (parent / _RECORD).exists()]
    if not found:
        pytest.skip("the references are not beside the checkout")
    example = json.loads(found[0].read_text("utf-8"))[0]
    record = desk.invoice()
    assert example.keys() <= record.keys()
    assert example["lines"][0].keys() == record["lines"][0].keys()
    assert example["vat_rates_summary"][0].keys() == record["vat_rates_summary"][0].keys()
    for name, value in example.items():
        if isinstance(value, str) and record[name] is not None:
            assert isinstance(record[name], str), name


def test_decimals_are_texts_and_the_legacy_price_is_without_vat(desk: Desk) -> None:
    lines = [{"name": "Disk", "quantity": "2.0", "unit_price": "1210.0", "vat_rate": "21"}]
    made = desk.invoice(vat_price_mode="from_total_with_vat", lines=lines)
    (line,) = made["lines"]
    assert (line["unit_price"], line["unit_price_with_vat"]) == ("1000.0", "1210.0")
    assert (line["total_price_without_vat"], line["total_vat"]) == ("2000.0", "420.0")
    assert (made["subtotal"], made["total"], line["vat_rate"]) == ("2000.0", "2420.0", 21)


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"number": "invalid"}, "number"),
        ({"number": None}, "number"),
        ({"number": "ESHOP202600007"}, "number"),
        ({"subject_id": 999999}, "subject_id"),
        ({"language": "cs"}, "language"),
        ({"document_type": "credit"}, "document_type"),
        ({"payment_method": "barter"}, "payment_method"),
        ({"custom_payment_method": "x" * 21}, "custom_payment_method"),
        ({"currency": "EUR"}, "exchange_rate"),
        ({"bank_account_id": 999}, "bank_account_id"),
        ({"number_format_id": 999}, "number_format_id"),
        ({"issued_on": "30. 2. 2026"}, "issued_on"),
        ({"due": "brzy"}, "due"),
        ({"lines": []}, "lines"),
        ({"lines": [{"name": "", "unit_price": "1"}]}, "lines.name"),
        ({"lines": [{"name": "Věc"}]}, "lines.unit_price"),
        ({"lines": [{"name": "Věc", "unit_price": "1", "quantity": 0}]}, "lines.quantity"),
        ({"transferred_tax_liability": True}, "lines.vat_rate"),
        ({"document_type": "correction"}, "correction_id"),
        ({"document_type": "final_invoice"}, "tax_document_ids"),
        ({"related_id": 999}, "related_id"),
    ],
)
def test_what_is_wrong_is_named(desk: Desk, sent: Any, field: str) -> None:
    body = {"lines": [{"name": "Práce", "unit_price": "1000", "vat_rate": "21"}], **sent}
    body.setdefault("subject_id", desk.subject())
    status, said, _ = desk.ask("POST", "invoices.json", body)
    assert status == 422
    assert field in said["errors"]
    assert desk.simulator.books() == []


def test_a_number_of_another_series_needs_that_series(desk: Desk) -> None:
    made = desk.invoice(number="ESHOP202600007", number_format_id=32)
    assert made["number"] == "ESHOP202600007"


@pytest.mark.parametrize(
    ("locale", "text"),
    [("cs", "je povinná položka"), ("sk", "je povinná položka"), ("en", "can't be blank")],
)
def test_texts_come_in_the_language_of_the_account(locale: str, text: str) -> None:
    desk = Desk(locale=locale)
    desk.login()
    _, said, _ = desk.ask("POST", "subjects.json", {"name": ""})
    assert said["errors"]["name"][0] == text


def test_without_a_bank_account_nothing_is_issued() -> None:
    desk = Desk(bank_account=False)
    desk.login()
    said = desk.invoice()
    assert "https://app.fakturoid.cz/zkusebni/settings/bank_accounts" in str(said["errors"])
    assert desk.ask("GET", "bank_accounts.json")[1] == []


def test_lists_have_pages_of_forty_and_an_end(desk: Desk) -> None:
    subject = desk.subject()
    for at in range(41):
        desk.invoice(subject_id=subject, custom_id=str(at % 2))
    desk.invoice(subject_id=subject, document_type="proforma")
    sizes = [len(desk.ask("GET", f"invoices.json?page={page}")[1]) for page in (1, 2, 3)]
    assert sizes == [40, 2, 0]
    filters = {
        "custom_id=1": 20,
        "custom_id=2": 0,
        "document_type=proforma": 1,
        "document_type=regular&page=2": 1,
        "number=2026-0007": 1,
        "status=paid": 0,
        f"subject_id={subject}&page=2": 2,
        "updated_since=2026-11-26T10:00:01Z": 0,
        "updated_since=2026-11-26T11:00:00%2B01:00&page=2": 2,
        "until=2026-11-26T09:59:59Z": 0,
    }
    for query, count in filters.items():
        assert len(desk.ask("GET", f"invoices.json?{query}")[1]) == count, query
    assert len(desk.ask("GET", "invoices/search.json?query=2026-0007")[1]) == 1


@pytest.mark.parametrize("unique", [True, False])
def test_keys_of_documents_are_unique_or_not(unique: bool) -> None:
    desk = Desk(unique_custom_id=unique)
    desk.login()
    desk.invoice(custom_id="7")
    assert ("errors" in desk.invoice(custom_id="7")) is unique


def test_changing_lines(desk: Desk) -> None:
    made = desk.invoice()
    one = f"invoices/{made['id']}.json"
    added = {"lines": [{"name": "Navíc", "unit_price": "100", "vat_rate": 21}]}
    _, said, _ = desk.ask("PATCH", one, added)
    assert [line["name"] for line in said["lines"]] == ["Práce", "Navíc"]
    first = made["lines"][0]["id"]
    changed = {"lines": [{"id": first, "unit_price": "500"}]}
    assert desk.ask("PATCH", one, changed)[1]["total"] == "726.0"
    removed = {"lines": [{"id": first, "_destroy": True}]}
    assert desk.ask("PATCH", one, removed)[1]["total"] == "121.0"
    assert desk.ask("PATCH", one, {"number_format_id": 32})[0] == 422
    assert desk.ask("PATCH", one, {"due": "30"})[1]["due_on"] == "2026-12-26"


def test_a_locked_document_stays_as_it_is(desk: Desk) -> None:
    one = f"invoices/{desk.invoice()['id']}"
    assert desk.ask("POST", f"{one}/fire.json?event=lock")[0] == 204
    status, said, _ = desk.ask("PATCH", f"{one}.json", {"due": 3})
    assert (status, said["error"]) == (403, "document_locked")
    assert desk.ask("DELETE", f"{one}.json")[0] == 422
    status, said, _ = desk.ask("POST", f"{one}/fire.json", {"event": "lock"})
    assert (status, list(said["errors"])) == (422, ["event"])
    assert desk.ask("POST", f"{one}/fire.json", {"event": "unlock"})[0] == 204
    assert desk.ask("DELETE", f"{one}.json")[0] == 204
    assert desk.ask("GET", f"{one}.json")[0] == 404


def test_a_pdf_is_nothing_for_a_while(desk: Desk) -> None:
    one = f"invoices/{desk.invoice()['id']}"
    status, content, _ = desk.ask("GET", f"{one}/download.pdf")
    assert (status, content) == (204, b"")
    assert desk.ask("GET", f"{one}/download.pdf")[1].startswith(b"%PDF")
    desk.ask("PATCH", f"{one}.json", {"due": 3})
    assert desk.ask("GET", f"{one}/download.pdf")[0] == 204


# Payments and what follows


def test_a_paid_proforma_makes_its_invoice_by_default(desk: Desk) -> None:
    proforma = desk.invoice(document_type="proforma")
    assert proforma["number"] == "2026-Z0001"
    one = f"invoices/{proforma['id']}"
    status, paid, _ = desk.ask("POST", f"{one}/payments.json", {"paid_on": "2026-11-20"})
    assert (status, paid["amount"], paid["native_amount"]) == (201, "1210.0", "1210.0")
    now = desk.ask("GET", f"{one}.json")[1]
    made = desk.ask("GET", f"invoices/{now['related_id']}.json")[1]
    assert (now["status"], made["status"], made["related_id"]) == ("paid", "paid", proforma["id"])
    assert made["total"] == "1210.0"
    assert desk.ask("DELETE", f"{one}.json")[0] == 422


def test_payments(desk: Desk) -> None:
    one = f"invoices/{desk.invoice()['id']}"
    status, said, _ = desk.ask("POST", f"{one}/payments.json", {"amount": ""})
    assert (status, sorted(said["errors"])) == (422, ["amount", "native_amount"])
    desk.ask("POST", f"{one}/payments.json", {"amount": "210"})
    assert desk.ask("GET", f"{one}.json")[1]["remaining_amount"] == "1000.0"
    _, paid, _ = desk.ask("POST", f"{one}/payments.json", {})
    assert paid["amount"] == "1000.0"
    status, said, _ = desk.ask("POST", f"{one}/payments.json", {})
    assert (status, said["error"]) == (403, "forbidden")
    assert desk.ask("DELETE", f"{one}/payments/{paid['id']}.json")[0] == 204
    assert desk.ask("GET", f"{one}.json")[1]["status"] == "open"
    assert desk.ask("DELETE", f"{one}/payments/{paid['id']}.json")[0] == 404


def test_thanks_are_sent_unless_they_are_declined() -> None:
    desk = Desk(send_thank_you_email=True)
    desk.login()
    subject = desk.subject(email="kdo@example.com")
    for declined in (False, True):
        made = desk.invoice(subject_id=subject)
        body = {"send_thank_you_email": False} if declined else {}
        desk.ask("POST", f"invoices/{made['id']}/payments.json", body)
    assert [kept.emails for kept in desk.simulator.books()] == [("kdo@example.com",), ()]


def test_a_contact_with_documents_stays(desk: Desk) -> None:
    subject = desk.subject(custom_id="a")
    desk.invoice(subject_id=subject)
    assert desk.ask("DELETE", f"subjects/{subject}.json")[0] == 422
    assert desk.ask("DELETE", f"subjects/{desk.subject()}.json")[0] == 204
    status, said, _ = desk.ask("POST", "subjects.json", {"name": "Jiný", "custom_id": "a"})
    assert (status, list(said["errors"])) == (422, ["custom_id"])
    _, said, _ = desk.ask("PATCH", f"subjects/{subject}.json", {"city": "Praha"})
    assert said["city"] == "Praha"


def test_a_plan_has_room_for_so_many_contacts() -> None:
    desk = Desk(subject_limit=1)
    desk.login()
    desk.subject()
    status, said, _ = desk.ask("POST", "subjects.json", {"name": "Druhý"})
    assert (status, said["error"]) == (403, "quota_exhausted")


@pytest.mark.parametrize("rounding", ["asked", "always", "never"])
def test_who_rounds_totals(rounding: str) -> None:
    desk = Desk(rounding=rounding)
    desk.login()
    lines = [{"name": "Práce", "unit_price": "3100.44", "vat_rate": "21"}]
    found = [desk.invoice(lines=lines, round_total=asked) for asked in (True, False)]
    rounded = {"asked": [True, False], "always": [True, True], "never": [False, False]}[rounding]
    assert [made["total"] == "3752.0" for made in found] == rounded
    assert [Decimal(made["rounding_adjustment"]) != 0 for made in found] == rounded


# As a simulator


def test_its_state_can_be_kept_between_requests(desk: Desk) -> None:
    desk.invoice(custom_id="7", order_number="1")
    kept = json.loads(json.dumps(desk.simulator.dump()))
    again = FakturoidSimulator.restore(kept, clock=lambda: NOW)
    assert isinstance(again, Simulator)
    assert again.books() == desk.simulator.books()
    desk.simulator = again  # type: ignore[assignment]
    assert desk.invoice()["number"] == "2026-0002"


def test_nobody_does_there_what_cannot_be_done(desk: Desk) -> None:
    for deed in ({"what": "dance"}, {"what": "pay", "external_id": "7"}):
        with pytest.raises(ValueError, match=r"."):
            desk.simulator.control({"act": {"external_id": desk.invoice()["id"], **deed}})
