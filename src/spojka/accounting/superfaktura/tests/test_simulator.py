"""What a naive imitation of SuperFaktura would miss, asked without the connector."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from spojka.accounting.simulator import Answer, Asked, Fault
from spojka.accounting.superfaktura.simulator import API_KEY, SuperFakturaSimulator
from spojka.accounting.superfaktura.simulator_calls import EMAIL
from spojka.accounting.superfaktura.tests.helpers import NOW

LOGIN = f"SFAPI email={quote(EMAIL, safe='')}&apikey={API_KEY}&module=Test%201.0&company_id=1"
MINIMAL = {
    "Invoice": {"name": "Test API"},
    "InvoiceItem": [{"name": "item 1", "description": "first", "tax": 20, "unit_price": 10}],
    "Client": {"name": "Company name", "ico": "44981082"},
}


class World:
    """An account that is asked directly."""

    def __init__(self, **account: Any) -> None:
        self.simulator = SuperFakturaSimulator(clock=lambda: NOW, **account)

    def ask(
        self, method: str, path: str, body: bytes = b"", kind: str = "", login: str = LOGIN
    ) -> Answer:
        headers = {"authorization": login, "content-type": kind}
        answer, _ = self.simulator.handle(Asked.of(method, path, headers, body))
        return answer

    def get(self, path: str, method: str = "GET") -> Any:
        return json.loads(self.ask(method, path).body)

    def post(self, path: str, data: Any, as_json: bool = False) -> Any:
        if as_json:
            kind, body = "application/json", json.dumps(data).encode()
        else:
            kind = "application/x-www-form-urlencoded"
            body = urlencode({"data": json.dumps(data)}).encode()
        return json.loads(self.ask("POST", path, body, kind).body)

    def create(self, **changes: Any) -> Any:
        return self.post("/invoices/create", {**MINIMAL, **changes})["data"]


def test_a_form_with_data_and_plain_json_are_both_taken() -> None:
    world = World()
    for as_json in (False, True):
        made = world.post("/invoices/create", MINIMAL, as_json)
        assert made["error"] == 0
        assert made["error_message"] == "Invoice created"
        assert made["data"]["Invoice"]["amount"] == "10.00"
    wrong = world.ask("POST", "/invoices/create", b"{}", "application/x-www-form-urlencoded")
    assert json.loads(wrong.body)["message"] == "Bad data format."


def test_ids_are_texts_amounts_are_both_and_unit_prices_are_net() -> None:
    record = World().create()
    assert record["Invoice"]["id"] == "1"
    assert record["0"] == {
        "to_pay": "12.000000", "to_pay_in_invoice_currency": "12.00", "total": "12.00",
    }  # fmt: skip
    assert record["Summary"] == {
        "discount": 0, "invoice_total": 12, "vat_base_separate": {"20": 10},
        "vat_base_total": 10, "vat_separate": {"20": 2}, "vat_total": 2,
    }  # fmt: skip
    item = record["InvoiceItem"][0]
    assert (item["unit_price"], item["unit_price_vat"], item["quantity"]) == (10, 12, None)
    assert json.loads(record["Invoice"]["client_data"])["Client"]["ico"] == "44981082"
    assert record["InvoicePayment"] == []


def test_rates_of_nothing_but_zero_are_a_list() -> None:
    item = {**MINIMAL["InvoiceItem"][0], "tax": 0}  # type: ignore[index]
    assert World().create(InvoiceItem=[item])["Summary"]["vat_base_separate"] == [10]


def test_refusals_come_with_status_200_and_in_three_shapes() -> None:
    world = World()
    no_client = {"error": 4, "error_message": {"data_bad_format": "Missing required client data."}}
    no_currency = {"error": 1, "error_message": "Incorrect currency"}
    for changes, expected in (
        ({"Client": {}}, no_client),
        ({"Invoice": {"invoice_currency": "XAU"}}, no_currency),
    ):
        answer = world.ask(
            "POST", "/invoices/create", json.dumps({**MINIMAL, **changes}).encode(), "json"
        )
        assert (answer.status, json.loads(answer.body)) == (200, expected)
    empty = world.post("/invoices/create", {**MINIMAL, "InvoiceItem": []})
    assert empty["error"] == 5
    assert empty["error_message"]["type"] == ["Dokument musí obsahovať aspoň jednu položku"]
    assert "error_data" in empty
    world.create()
    pay = {"InvoicePayment": {"invoice_id": 1}}
    world.post("/invoice_payments/add/ajax:1/api:1", pay)
    again = world.post("/invoice_payments/add/ajax:1/api:1", pay)
    assert again == {"error": 1, "error_messages": [], "message": "Faktúra je už plne uhradená"}
    assert world.ask("GET", "/invoices/view/9.json").status == 404
    assert world.post("/invoices/edit", {"Invoice": {"id": 9}}) == {
        "error": 2,
        "message": "Invoice ID not found.",
    }


def test_dates_are_read_as_php_reads_them() -> None:
    world = World()
    made = world.create(Invoice={"created": "2026-03-01", "due": "+14 days"})
    assert made["Invoice"]["due"] == "2026-10-19"
    american = world.create(Invoice={"created": "2026-03-01", "due": "05/04/2026"})
    assert american["Invoice"]["due"] == "2026-05-04"
    garbage = world.post("/invoices/create", {**MINIMAL, "Invoice": {"due": "nxt fridey"}})
    assert "splatnosti" in garbage["error_message"]["due"][0]
    wrong = world.post("/invoices/create", {**MINIMAL, "Invoice": {"created": "?"}})
    assert wrong["error_message"] == {"created": ["Neplatný dátum."]}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_deleting_goes_by_both_methods(method: str) -> None:
    world = World()
    world.create()
    told = world.get("/invoices/delete/1", method)
    assert told == {"error": 0, "message": "Invoice deleted"}
    assert world.simulator.books() == []


def test_lists_show_this_year_and_invoices_unless_asked_otherwise() -> None:
    world = World()
    for invoice in (
        {"order_no": "A", "created": "2025-12-31", "variable": "5"},
        {"order_no": "A"},
        {"order_no": "B", "type": "proforma"},
    ):
        world.create(Invoice=invoice)
    index = "/invoices/index.json"

    def ids(*filters: str) -> list[str]:
        rows = world.get("/".join([index, *filters]))
        return [row["Invoice"]["id"] for row in rows]

    assert ids() == ["2"]
    assert ids("created:0") == ["2", "1"]
    assert ids("created:0", "type:regular|proforma", "direction:ASC") == ["1", "2", "3"]
    assert ids("created:0", "order_no:A", "variable:5") == ["1"]
    assert ids("created:3", "created_since:2025-12-01", "created_to:2025-12-31") == ["1"]
    assert ids("modified:11", "created:0") == ["2", "1"]
    assert ids("created:0", "status:1|2", "amount_from:13") == []
    told = world.get(f"{index}/listinfo:1/created:0/per_page:1/page:2")
    assert {k: told[k] for k in ("itemCount", "pageCount", "perPage", "page")} == {
        "itemCount": 2, "pageCount": 2, "perPage": 1, "page": 2,
    }  # fmt: skip
    assert told["items"][0]["InvoiceItem"][0]["name"] == "item 1"
    assert len(world.get(f"{index}/created:0/per_page:9999")) == 2


def test_searches_are_base64_with_an_alphabet_of_their_own() -> None:
    world = World()
    world.create(Client={"name": "Žltý kôň >>?"})
    word = base64.b64encode("Žltý kôň >>?".encode()).decode()
    encoded = word.replace("+", "-").replace("/", "_").replace("=", ",")
    assert "," in encoded or "-" in encoded or "_" in encoded
    assert len(world.get(f"/clients/index.json/search:{encoded}")) == 1
    assert len(world.get(f"/invoices/index.json/search:{encoded}")) == 1
    assert world.get("/clients/index.json/search:bmlrdG8,") == []


def test_what_is_told_of_the_limit_resets_at_local_midnight() -> None:
    world = World(daily_limit=3)
    answer = world.ask("GET", "/tags/index.json")
    assert answer.headers["X-RateLimit-DailyLimit"] == "3"
    assert answer.headers["X-RateLimit-DailyRemaining"] == "2"
    assert answer.headers["X-RateLimit-DailyReset"] == "06.10.2026 00:00:00"
    assert answer.headers["X-RateLimit-MonthlyReset"] == "01.11.2026 00:00:00"
    for _ in range(2):
        world.create()
    refused = world.ask("GET", "/tags/index.json")
    assert refused.body == b""
    assert "exceeded a daily limit of 3" in refused.headers["X-RateLimit-Message"]
    assert world.create()["Invoice"]["id"] == "3"
    world.simulator.shift = timedelta(hours=13)  # past local midnight, not yet that of UTC
    assert world.simulator.now < datetime(2026, 10, 6, tzinfo=UTC)
    assert world.get("/tags/index.json") == {"1": "e-shop"}


def test_marking_as_sent_is_a_switch() -> None:
    world = World()
    world.create()
    assert world.get("/invoices/mark_sent/1")["marked"] is True
    assert world.get("/invoices/mark_sent/1")["marked"] is False
    assert world.get("/invoices/mark_sent/9")["error"] == 1
    email = {"InvoiceEmail": {"invoice_id": 1, "email": "a@example.com", "subject": "x"}}
    assert world.post("/invoices/mark_as_sent", email, as_json=True)["error"] == 0
    assert world.get("/invoices/view/1.json")["InvoiceEmail"][0]["email"] == "a@example.com"


def test_items_of_an_edit_are_added() -> None:
    world = World()
    world.create()
    edit = {"Invoice": {"id": 1}, "InvoiceItem": [{"name": "BBB", "unit_price": 20, "tax": 20}]}
    told = world.post("/invoices/edit", edit)
    assert told["status"] is True
    assert [row["name"] for row in told["data"]["InvoiceItem"]] == ["item 1", "BBB"]
    assert world.post("/invoices/edit", {"Invoice": {"id": "x"}})["message"] == "Bad data format."


def test_an_answer_is_kept_under_its_checksum_a_refusal_too() -> None:
    world = World()
    world.post("/invoices/create", {**MINIMAL, "checksum": "good"})
    world.post("/invoices/create", {**MINIMAL, "checksum": "bad", "InvoiceItem": []})
    kept = world.get("/api_logs/getResponseByChecksum/good")
    assert kept["data"]["Invoice"]["id"] == "1"
    assert world.get("/api_logs/getResponseByChecksum/bad")["error"] == 5
    assert world.get("/api_logs/getResponseByChecksum/never") == []
    # Whether a second document is made is not documented: both ways are there.
    world.post("/invoices/create", {**MINIMAL, "checksum": "good"})
    assert len(world.simulator.books()) == 2
    world.simulator.account["repeated_checksum"] = "refused"
    assert world.post("/invoices/create", {**MINIMAL, "checksum": "good"})["error"] == 1
    assert len(world.simulator.books()) == 2


def test_tags_go_by_id_and_names_are_lost_without_a_word() -> None:
    world = World()
    assert world.create(Tag={"Tag": [1, "VIP"]})["Tag"] == ["1"]
    assert world.post("/tags/add", {"name": "VIP"})["tag_id"] == "2"
    assert world.ask("POST", "/tags/add", b'{"name": "VIP"}', "json").status == 409
    assert world.ask("POST", "/tags/add", b"{}", "json").status == 400


def test_the_login_is_looked_at() -> None:
    world = World()
    for login in (
        "",
        LOGIN.replace(API_KEY, "x"),
        LOGIN.replace("%2B", "+"),  # not encoded: it is read as a space
        LOGIN.replace("&module=Test%201.0", ""),
    ):
        assert world.ask("GET", "/tags/index.json", login=login).status == 401
    for role, status in (("guest", 403), ("reader", 403)):
        answer = World(role=role).ask("POST", "/invoices/create", b"{}", "json")
        assert answer.status == status
    expired = World(premium=False).ask("GET", "/tags/index.json")
    assert (expired.status, json.loads(expired.body)["message"]) == (
        401,
        "Musíte mať platné prémiové členstvo",
    )


def test_numbers_run_per_kind_and_year_without_a_gap() -> None:
    world = World()
    numbers = [
        world.create(Invoice=invoice)["Invoice"]["invoice_no_formatted"]
        for invoice in ({}, {"created": "2025-05-05"}, {"type": "proforma"}, {})
    ]
    assert numbers == ["2026001", "2025001", "ZAL2026001", "2026002"]
    own = world.create(Invoice={"invoice_no_formatted": "WEB7"})
    assert own["Invoice"]["invoice_no_formatted"] == "WEB7"
    taken = world.post("/invoices/create", {**MINIMAL, "Invoice": {"invoice_no_formatted": "WEB7"}})
    assert taken["error"] == 5
    refused = world.post("/invoices/create", {**MINIMAL, "Invoice": {"sequence_id": 77}})
    assert "sequence_id" in refused["error_message"]
    assert world.create()["Invoice"]["invoice_no_formatted"] == "2026003"
    locked = World(locked_until="2026-12-31")
    assert locked.post("/invoices/create", MINIMAL)["error_message"] == {
        "created": ["Obdobie je uzamknuté"]
    }


def test_a_contact_is_found_again_by_name_number_and_address() -> None:
    world = World()
    jan = {"name": "Ján Novák", "address": "Dlhá 1", "match_address": 1}
    first = world.create(Client=jan)["Client"]["id"]
    assert world.create(Client=jan)["Client"]["id"] == first
    other = world.create(Client={**jan, "address": "Krátka 2"})
    assert other["Client"]["id"] != first
    assert other["Client"]["address"] == "Krátka 2"
    moved = {**jan, "city": "Nitra", "update_addressbook": 0}
    assert world.create(Client=moved)["Client"]["city"] == "Nitra"
    assert world.get("/clients/index.json")[0]["Client"]["city"] == ""


def test_a_pdf_needs_the_token_or_else_there_is_none() -> None:
    world = World(pdf_by_login=False)
    token = world.create()["Invoice"]["token"]
    answer = world.ask("GET", f"/slo/invoices/pdf/1/token:{token}/bysquare:1")
    assert answer.body.startswith(b"%PDF")
    for path in ("/slo/invoices/pdf/1", "/invoices/pdf/1/token:00000000"):
        assert world.ask("GET", path).status == 404


def test_cash_rounding_is_an_item_of_its_own() -> None:
    world = World(country="CZ")
    item = {"name": "x", "unit_price": "10.10", "tax": 21}
    made = world.create(
        Invoice={"add_rounding_item": 1, "invoice_currency": "CZK"}, InvoiceItem=[item]
    )
    assert made["0"]["total"] == "12.00"
    assert made["InvoiceItem"][1]["item_price_vat"] == -0.22
    euros = world.create(
        Invoice={"add_rounding_item": 1, "invoice_currency": "EUR"}, InvoiceItem=[item]
    )
    assert euros["0"]["total"] == "12.20"


@pytest.mark.parametrize(
    ("mode", "pieces", "lines"),
    [("item_ext", "2.87", "0.14"), ("item", "2.84", "0.14"), ("document", "2.84", "0.17")],
)
def test_each_rounding_type_computes_in_its_own_way(mode: str, pieces: str, lines: str) -> None:
    """Seven pieces of 0.335 without VAT, and seven lines of 0.02, at 21 %."""
    invoice = {"rounding": mode}
    item = {"name": "x", "unit_price": "0.335", "tax": 21, "quantity": 7}
    assert World().create(Invoice=invoice, InvoiceItem=[item])["0"]["total"] == pieces
    items = [{"name": str(at), "unit_price": "0.02", "tax": 21} for at in range(7)]
    assert World().create(Invoice=invoice, InvoiceItem=items)["0"]["total"] == lines


# faults


@pytest.mark.parametrize(
    ("fault", "status", "made"),
    [
        (Fault.ERROR_BEFORE, 500, 0),
        (Fault.ERROR_AFTER, 500, 1),
        (Fault.LIMIT, 429, 0),
        (Fault.UNAUTHORIZED, 401, 0),
        (Fault.ERROR_IN_SUCCESS, 200, 0),
        (Fault.EMPTY_SUCCESS, 200, 1),
        (Fault.MAINTENANCE, 200, 0),
        (Fault.TRUNCATED, 200, 1),
        (Fault.RESET_AFTER, 200, 1),
    ],
)
def test_faults_do_what_they_say(fault: Fault, status: int, made: int) -> None:
    world = World()
    world.simulator.fail(fault)
    answer = world.ask("POST", "/invoices/create", json.dumps(MINIMAL).encode(), "json")
    assert answer.status == status
    assert len(world.simulator.books()) == made


def test_what_was_just_made_is_not_shown_for_a_while() -> None:
    world = World()
    world.simulator.fail(Fault.STALE)
    world.ask("POST", "/invoices/create", json.dumps({**MINIMAL, "checksum": "c"}).encode(), "json")
    assert world.get("/invoices/index.json") == []
    assert world.get("/api_logs/getResponseByChecksum/c") == []
    world.simulator.shift = timedelta(seconds=30)
    assert len(world.get("/invoices/index.json")) == 1
    assert world.get("/api_logs/getResponseByChecksum/c")["error"] == 0


def test_an_unknown_path_is_a_page() -> None:
    answer = World().ask("GET", "/currencies")
    assert (answer.status, answer.body[:6]) == (404, b"<html>")


# what is kept, and what happens there


def test_the_state_is_plain_json_and_can_be_taken_up_again() -> None:
    world = World(automatic_invoice=True)
    made = world.create(
        Invoice={
            "type": "proforma",
            "internal_comment": "Spojka: proforma k:create",
            "order_no": "7",
        },
        InvoiceItem=[{"name": "x", "unit_price": 8.2645, "tax": 21, "quantity": 1.5}],
        InvoiceExtra={"weight": 1.25},
        checksum="c",
    )
    world.simulator.act("pay")
    kept = json.loads(json.dumps(world.simulator.dump()))
    again = World()
    again.simulator = SuperFakturaSimulator.restore(kept, clock=lambda: NOW)  # type: ignore[assignment]
    assert again.simulator.books() == world.simulator.books()
    assert [(b.kind, b.key, b.order_number) for b in again.simulator.books()] == [
        ("proforma", "k:create", "7"),
        ("invoice", "", "7"),
    ]
    assert again.get("/invoices/view/1.json")["0"]["total"] == made["0"]["total"]


def test_things_happen_on_their_own_pages() -> None:
    world = World()
    with pytest.raises(ValueError, match="no document"):
        world.simulator.act("pay")
    id_ = world.simulator.act("issue", body=MINIMAL)
    world.simulator.act("edit", external_id=id_, fields={"order_no": "9"})
    world.simulator.act("send", to="x@example.com")
    world.simulator.act("pay", amount="5.00")
    (kept,) = world.simulator.books()
    assert (str(kept.paid), kept.order_number, kept.emails) == ("5.00", "9", ("x@example.com",))
    with pytest.raises(ValueError, match="refuses"):
        world.simulator.act("cancel")
    world.simulator.act("unpay")
    world.simulator.act("cancel")
    assert world.simulator.books()[0].cancelled
    world.simulator.act("delete")
    assert world.simulator.books() == []
    world.simulator.act("issue", body=MINIMAL)
    with pytest.raises(ValueError, match="nobody can"):
        world.simulator.act("dance")
