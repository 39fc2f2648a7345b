"""The simulator against what a naive fake of iDoklad would miss."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from spojka.accounting.idoklad.simulator import IdokladSimulator
from spojka.accounting.idoklad.tests.box import NOW
from spojka.accounting.simulator import Answer, Asked, written

INVOICE: dict[str, Any] = {
    "PartnerId": 0,
    "CurrencyId": 1,
    "DateOfIssue": "2026-03-02",
    "DateOfTaxing": "2026-03-02",
    "DateOfMaturity": "2026-03-16",
    "Description": "Objednávka 1001",
    "OrderNumber": "1001",
    "DocumentSerialNumber": 1,
    "NumericSequenceId": 5,
    "PaymentOptionId": 1,
    "IsEet": False,
    "IsIncomeTax": True,
    "Items": [
        {
            "Name": "Hrnek",
            "Amount": Decimal(2),
            "UnitPrice": Decimal("121.00"),
            "PriceType": 0,
            "VatRateType": 1,
            "IsTaxMovement": False,
            "DiscountPercentage": 0,
        }
    ],
}


class Asking:
    """Somebody who knows the API by its documents only."""

    def __init__(self, **account: Any) -> None:
        self.simulator = IdokladSimulator(clock=lambda: NOW, **account)
        self.language = "en-US"
        self.token = self.log_in()

    def raw(
        self, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        content = body if isinstance(body, bytes) else written(body).encode() if body else b""
        asked = Asked.of(method, target, headers or {}, content)
        answer, trouble = self.simulator.handle(asked)
        assert trouble is None
        return answer

    def log_in(self, path: str = "/server/connect/token", **changes: str) -> str:
        account = self.simulator.account
        form = {
            "grant_type": "client_credentials",
            "client_id": account["client_id"],
            "client_secret": account["client_secret"],
            "scope": "idoklad_api",
            **changes,
        }
        answer = self.raw("POST", path, urlencode(form).encode())
        self.said = json.loads(answer.body)
        return str(self.said.get("access_token", ""))

    def __call__(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """Ask, and return the envelope with the HTTP status beside it."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept-Language": self.language}
        target = f"/v3/{path}" + (f"?{urlencode(query)}" if query else "")
        answer = self.raw(method, target, body, headers)
        self.status = answer.status
        return json.loads(answer.body, parse_float=Decimal)

    def contact(self, **fields: Any) -> int:
        made = self("POST", "Contacts", {"CompanyName": "Jana Nováková", "CountryId": 2, **fields})
        return int(made["Data"]["Id"])

    def make(self, path: str = "IssuedInvoices", /, **fields: Any) -> Any:
        partner = fields.pop("PartnerId", None) or self.contact()
        return self("POST", path, {**INVOICE, "PartnerId": partner, **fields})

    def proforma(self, **fields: Any) -> Any:
        item = {k: v for k, v in INVOICE["Items"][0].items() if k != "DiscountPercentage"}
        return self.make("ProformaInvoices", NumericSequenceId=7, Items=[item], **fields)


@pytest.fixture
def ask() -> Asking:
    return Asking()


def test_both_token_endpoints_are_served_and_the_newer_one_wants_an_application() -> None:
    ask = Asking()
    assert ask.token
    assert ask.log_in("/server/v2/connect/token") == ""
    assert "application_id" in ask.said["error_description"]
    application = ask.simulator.account["application_id"]
    assert ask.log_in("/server/v2/connect/token", application_id=application)
    assert ask.said["expires_in"] == 3600
    assert ask.log_in(scope="idoklad_api offline_access") == ""
    assert ask.said == {"error": "invalid_scope"}
    assert ask.log_in(client_secret="wrong") == ""
    assert ask.said == {"error": "invalid_client"}


def test_a_login_without_application_may_end_one_day() -> None:
    assert Asking(plain_login=False).token == ""


@pytest.mark.parametrize(("number", "word"), [(0, "Free"), (1, "NeedToDowngrade"), (2, "Expired")])
def test_the_login_says_what_is_wrong_with_the_plan(number: int, word: str) -> None:
    ask = Asking(auth_error=number)
    said = f"AuthErrorCode({number}) - Agenda has {word} status."
    assert ask.said["error_description"] == said


def test_a_token_ends(ask: Asking) -> None:
    assert ask("GET", "Account/CurrentAgenda")["IsSuccess"]
    ask.simulator.control({"ahead": 3601})
    headers = {"Authorization": f"Bearer {ask.token}"}
    assert ask.raw("GET", "/v3/Account/CurrentAgenda", headers=headers).status == 401
    assert ask.raw("GET", "/v3/Account/CurrentAgenda").status == 401


def test_refusals_come_with_an_envelope_under_400_and_under_200(ask: Asking) -> None:
    refused = ask.make(Description="")
    assert (ask.status, refused["IsSuccess"], refused["ErrorCode"]) == (400, False, 400)
    assert refused["Message"] == "Invalid data: The Description field is required."
    ask.simulator.account["refusal_status"] = 200
    refused = ask.make(Description="")
    assert (ask.status, refused["IsSuccess"], refused["StatusCode"]) == (200, False, 200)


def test_messages_are_in_the_language_that_is_asked_for(ask: Asking) -> None:
    said = set()
    for ask.language in ("cs-CZ", "sk-SK", "en-US", "de-DE"):
        said.add(ask("GET", "IssuedInvoices/999")["Message"])
    assert said == {"Záznam nebyl nalezen.", "Záznam nebol nájdený.", "The record was not found."}


def test_dates_that_are_not_are_in_1753(ask: Asking) -> None:
    data = ask.make()["Data"]
    assert data["DateOfPayment"] == data["DateOfLastReminder"] == "1753-01-01T00:00:00"
    assert data["DateOfIssue"] == "2026-03-02T00:00:00"
    assert "Z" not in data["Metadata"]["DateLastChange"]


def test_a_document_is_shown_as_iDoklad_shows_it(ask: Asking) -> None:  # noqa: N802 - its name
    data = ask.make()["Data"]
    assert data["DocumentNumber"] == "20260001"
    assert data["VariableSymbol"] == "20260001"
    assert data["Currency"]["Code"] == "CZK"
    item = data["Items"][0]
    assert "UnitPrice" not in item or item["Prices"]["UnitPrice"] == Decimal("121.00")
    assert item["Prices"]["TotalWithVat"] == Decimal("242.00")
    assert item["Prices"]["TotalVat"] == Decimal("42.00")
    (row,) = data["Prices"]["VatRateSummary"]
    assert (row["VatRate"], row["TotalWithoutVat"]) == (21, Decimal("200.00"))
    assert data["PaymentStatus"] == 0
    assert data["Prices"]["TotalWithVatHc"] == Decimal("242.00")


def test_the_vendors_own_example_is_worth_what_its_client_asserts(ask: Asking) -> None:
    """From the integration tests of their client: 2 at 100 without VAT, basic rate."""
    item = {**INVOICE["Items"][0], "UnitPrice": 100, "PriceType": 1}
    body = {"CurrencyId": 1, "PaymentOptionId": 1, "DateOfTaxing": "2026-03-02", "Items": [item]}
    prices = ask("POST", "IssuedInvoices/Recount", body)["Data"]["Items"][0]["Prices"]
    assert (prices["TotalWithoutVat"], prices["TotalVat"], prices["TotalWithVat"]) == (200, 42, 242)
    assert ask("GET", "IssuedInvoices")["Data"]["TotalItems"] == 0


def test_filters(ask: Asking) -> None:
    partner = ask.contact()
    for serial, text in ((1, "Objednávka (první)"), (2, "Objednávka druhá"), (3, "jiná")):
        ask.make(PartnerId=partner, DocumentSerialNumber=serial, Description=text)

    def found(text: str) -> list[str]:
        data = ask("GET", "IssuedInvoices", filter=text)["Data"]
        assert data is not None, text
        return [item["DocumentNumber"] for item in data["Items"]]

    def coded(text: str) -> str:
        return b64encode(text.encode()).decode()

    every = ["20260001", "20260002", "20260003"]
    assert found("(DocumentNumber~eq~20260002)") == ["20260002"]
    assert found("DocumentNumber~eq~20260002") == ["20260002"]
    assert found('(DocumentNumber~eq~"20260002")') == []
    assert found(f"(Description~ct:base64~{coded('Objednávka')})") == every[:2]
    assert found(f"(Description~eq:base64~{coded('Objednávka (první)')})") == every[:1]
    assert found("((NumericSequenceId~eq~5)~and~(DocumentNumber~!eq~20260001))") == every[1:]
    assert found("((DocumentNumber~eq~20260001)~or~(DocumentNumber~ct~0003))") == [
        every[0],
        every[2],
    ]
    assert found("(DateLastChange~gte~2026-03-02 00:00:00.000)") == every
    assert found("(DateLastChange~gt~2026-03-03 00:00:00.000)") == []
    assert found("(DateOfIssue~lt~2026-03-02)") == []
    assert found("(IsPaid~eq~false)") == every


@pytest.mark.parametrize(
    "text",
    [
        "(OrderNumber~eq~1001)",
        "(VariableSymbol~eq~20260001)",
        "(CurrencyId~gte~1)",
        "(DocumentNumber~eq~1",
        "DocumentNumber=1",
        "(Description~ct:base64~***)",
        "((CurrencyId~eq~1)~and~(CurrencyId~eq~2)~or~(CurrencyId~eq~3))",
    ],
)
def test_a_filter_that_is_not_understood_is_refused(ask: Asking, text: str) -> None:
    answer = ask("GET", "IssuedInvoices", filter=text)
    assert (ask.status, answer["IsSuccess"], answer["ErrorCode"]) == (400, False, 400)


def test_pages(ask: Asking) -> None:
    for at in range(25):
        ask.contact(CompanyName=f"Firma {at:02}")
    first = ask("GET", "Contacts")["Data"]
    assert (len(first["Items"]), first["TotalItems"], first["TotalPages"]) == (20, 25, 2)
    last = ask("GET", "Contacts", page="3", pageSize="10", sort="CompanyName~Desc")["Data"]
    assert [one["CompanyName"] for one in last["Items"]][-1] == "Firma 00"
    assert ask("GET", "Contacts", pageSize="201")["IsSuccess"] is False


def test_a_number_is_used_once(ask: Asking) -> None:
    partner = ask.contact()
    assert ask.make(PartnerId=partner)["IsSuccess"]
    again = ask.make(PartnerId=partner)
    assert (again["IsSuccess"], again["ErrorCode"]) == (False, 123)
    path = "NumericSequences/DocumentNumbers/IssuedInvoice"
    query = {"date": "2026-03-02", "documentSerialNumber": "1", "numericSequenceId": "5"}
    numbers = ask("GET", path, **query)["Data"]
    assert (numbers["Custom"]["IsUnique"], numbers["Custom"]["DocumentNumber"]) == (
        False,
        "20260001",
    )
    assert (numbers["Unique"]["DocumentSerialNumber"], numbers["Unique"]["IsUnique"]) == (2, True)
    sequences = ask("GET", "NumericSequences", filter="(DocumentType~eq~0)")["Data"]["Items"]
    assert [(one["Id"], one["LastNumber"], one["Year"]) for one in sequences] == [
        (5, 1, 2026),
        (6, 0, 2026),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"PartnerId": 999},
        {"CurrencyId": 99},
        {"DateOfMaturity": "2026-03-01"},
        {"DateOfIssue": "yesterday"},
        {"OrderNumber": "x" * 26},
        {"VariableSymbol": "1" * 11},
        {"Items": []},
        {"Items": [{**INVOICE["Items"][0], "Name": "x" * 201}]},
        {"Items": [{**INVOICE["Items"][0], "VatRateType": 7}]},
        {"Items": [{**INVOICE["Items"][0], "PriceType": "WithVat"}]},
        {"Items": [{**INVOICE["Items"][0], "DiscountPercentage": 100}]},
        {"Items": [{**INVOICE["Items"][0], "ItemType": 1}]},
        {"NumericSequenceId": 7},
        {"ProformaInvoices": [1, 2]},
        {"IsEet": None},
    ],
)
def test_wrong_data_are_refused(ask: Asking, fields: dict[str, Any]) -> None:
    refused = ask.make(**fields)
    assert (refused["IsSuccess"], refused["ErrorCode"]) == (False, 400)
    assert ask.simulator.books() == []


def test_rates_are_those_of_the_day_and_of_the_country(ask: Asking) -> None:
    item = {**INVOICE["Items"][0], "VatRateType": 0}
    old: dict[str, Any] = {
        "DateOfIssue": "2023-05-05",
        "DateOfTaxing": "2023-05-05",
        "Items": [item],
    }
    assert ask.make(**old)["Data"]["Items"][0]["VatRate"] == 15
    assert ask.make(DocumentSerialNumber=2, Items=[item])["Data"]["Items"][0]["VatRate"] == 12
    wrong = ask.make(DocumentSerialNumber=3, Items=[{**item, "VatRate": 21}])
    assert wrong["ErrorCode"] == 151
    countries = ask("GET", "Countries", pageSize="200")["Data"]["Items"]
    (germany,) = [country["Id"] for country in countries if country["Code"] == "DE"]
    german = ask.contact(CountryId=germany)
    oss: dict[str, Any] = {"HasVatRegimeOss": True, "DocumentSerialNumber": 4}
    assert ask.make(PartnerId=german, **oss)["Data"]["Items"][0]["VatRate"] == 19
    assert ask.make(**oss)["ErrorCode"] == 119
    ask.simulator.account["oss"] = False
    assert ask.make(PartnerId=german, **oss)["ErrorCode"] == 119


def test_a_rounding_item_is_added_and_named_in_the_documents_language(ask: Asking) -> None:
    items = [{**INVOICE["Items"][0], "Amount": 1, "UnitPrice": Decimal("10.10")}]
    assert len(ask.make(Items=items)["Data"]["Items"]) == 1
    ask.simulator.account["rounding"] = 1
    data = ask.make(Items=items, DocumentSerialNumber=2, ReportLanguage=2)["Data"]
    rounding = data["Items"][1]
    assert (rounding["ItemType"], rounding["Name"]) == (1, "Zaokrúhlenie")
    assert data["Prices"]["TotalWithVat"] == 10
    ask.simulator.account["rounding"] = 2
    assert len(ask.make(Items=items, DocumentSerialNumber=3)["Data"]["Items"]) == 1
    cash = ask.make(Items=items, DocumentSerialNumber=4, PaymentOptionId=3)["Data"]
    assert [item["ItemType"] for item in cash["Items"]] == [0, 1]


def test_patch_removes_items_that_are_not_sent(ask: Asking) -> None:
    two = [INVOICE["Items"][0], {**INVOICE["Items"][0], "Name": "Talíř"}]
    data = ask.make(Items=two)["Data"]
    kept = {"Id": data["Items"][1]["Id"], "VatRateType": 1, "UnitPrice": Decimal("60.50")}
    changed = ask("PATCH", "IssuedInvoices", {"Id": data["Id"], "Items": [kept]})["Data"]
    assert [item["Name"] for item in changed["Items"]] == ["Talíř"]
    assert changed["Prices"]["TotalWithVat"] == Decimal("121.00")
    changed = ask("PATCH", "IssuedInvoices", {"Id": data["Id"], "Note": "nic víc"})["Data"]
    assert (len(changed["Items"]), changed["Note"]) == (1, "nic víc")


def test_contacts_are_patched_without_their_id_in_the_path(ask: Asking) -> None:
    contact = ask.contact(Email="jana@example.com")
    ask("PATCH", f"Contacts/{contact}", {"City": "Brno"})
    assert ask.status == 405
    changed = ask("PATCH", "Contacts", {"Id": contact, "City": "Brno"})["Data"]
    assert (changed["City"], changed["Email"]) == ("Brno", "jana@example.com")
    assert ask("POST", "Contacts", {"CompanyName": "x"})["ErrorCode"] == 400
    assert ask("POST", "Contacts", {"CompanyName": "x", "CountryId": 2, "Email": "x"})["ErrorCode"]


def test_a_pdf_is_base64_inside_of_the_envelope(ask: Asking) -> None:
    document = ask.make()["Data"]["Id"]
    data = ask("GET", f"Reports/IssuedInvoice/{document}/Pdf", language="1")["Data"]
    assert b64decode(data).startswith(b"%PDF-")
    headers = {"Authorization": f"Bearer {ask.token}", "Accept": "application/pdf"}
    answer = ask.raw("GET", f"/v3/Reports/IssuedInvoice/{document}/Pdf", headers=headers)
    assert answer.status == 406


def test_a_proforma_is_accounted_once_it_is_paid(ask: Asking) -> None:
    proforma = ask.proforma()["Data"]["Id"]
    assert ask("PUT", f"ProformaInvoices/{proforma}/Account")["ErrorCode"] == 113
    ask("PUT", f"IssuedDocumentPayments/FullyPay/{proforma}", dateOfPayment="2026-03-02")
    prefilled = ask("GET", f"ProformaInvoices/{proforma}/Account")["Data"]
    assert [item["UnitPrice"] for item in prefilled["Items"] if item.get("ItemType") == 2] == [-242]
    invoice = ask("PUT", f"ProformaInvoices/{proforma}/Account")["Data"]
    assert invoice["ProformaInvoices"] == [proforma]
    assert invoice["Prices"]["TotalWithVat"] == 0
    assert ask("PUT", f"ProformaInvoices/{proforma}/Account")["ErrorCode"] == 112
    assert (
        ask("GET", f"ProformaInvoices/{proforma}")["Data"]["AccountedByInvoiceId"] == invoice["Id"]
    )
    assert ask("DELETE", f"ProformaInvoices/{proforma}")["ErrorCode"] == 131
    assert ask("DELETE", f"IssuedInvoices/{invoice['Id']}")["Data"] is True
    assert ask("DELETE", f"ProformaInvoices/{proforma}")["Data"] is True


def test_payments(ask: Asking) -> None:
    document = ask.make()["Data"]["Id"]
    payment = {"InvoiceId": document, "PaymentOptionId": 1, "DateOfPayment": "2026-03-03"}
    part = ask("POST", "IssuedDocumentPayments", {**payment, "PaymentAmount": 100})["Data"]
    assert ask("GET", f"IssuedInvoices/{document}")["Data"]["PaymentStatus"] == 2
    assert ask("PUT", f"IssuedDocumentPayments/FullyPay/{document}")["Data"] is True
    assert ask("GET", f"IssuedInvoices/{document}")["Data"]["PaymentStatus"] == 1
    again = ask("POST", "IssuedDocumentPayments", {**payment, "PaymentAmount": 1})
    assert again["ErrorCode"] == 110
    assert ask("PUT", f"IssuedDocumentPayments/FullyPay/{document}")["ErrorCode"] == 110
    query = {"filter": f"(InvoiceId~eq~{document})"}
    assert ask("GET", "IssuedDocumentPayments", **query)["Data"]["TotalItems"] == 2
    assert ask("DELETE", f"IssuedDocumentPayments/{part['Id']}")["Data"] is True
    assert ask("PUT", f"IssuedDocumentPayments/FullyUnpay/{document}")["Data"] is True
    assert ask("GET", "IssuedDocumentPayments", **query)["Data"]["TotalItems"] == 0


def test_what_others_depend_on_is_not_deleted(ask: Asking) -> None:
    invoice = ask.make()["Data"]["Id"]
    ask.make("CreditNotes", NumericSequenceId=8, CreditedInvoiceId=invoice, CreditNoteReason="x")
    assert ask("DELETE", f"IssuedInvoices/{invoice}")["ErrorCode"] == 105
    other = ask.make(DocumentSerialNumber=2)["Data"]["Id"]
    ask("PUT", "Batch/Exported", {"Items": [{"Id": other, "Exported": 1}]})
    assert ask("DELETE", f"IssuedInvoices/{other}")["ErrorCode"] == 107
    ask.simulator.account["allow_edit_exported"] = True
    assert ask("DELETE", f"IssuedInvoices/{other}")["Data"] is True
    assert ask("GET", f"IssuedInvoices/{other}")["IsSuccess"] is False


@pytest.mark.parametrize(("sign", "total"), [(1, Decimal("242.00")), (-1, Decimal("-242.00"))])
def test_a_credit_note_has_positive_items_and_either_sign(sign: int, total: Decimal) -> None:
    ask = Asking(credit_note_sign=sign)
    invoice = ask.make()["Data"]["Id"]
    missing = ask.make("CreditNotes", NumericSequenceId=8, CreditNoteReason="x")
    assert missing["ErrorCode"] == 400
    note = ask.make(
        "CreditNotes", NumericSequenceId=8, CreditedInvoiceId=invoice, CreditNoteReason="vráceno"
    )["Data"]
    assert note["Prices"]["TotalWithVat"] == total
    assert ask("PUT", f"CreditNotes/{note['Id']}/Offset", {})["Data"]["PaymentStatus"] == 1
    assert ask("PUT", f"CreditNotes/{note['Id']}/Offset", {})["ErrorCode"] == 111


def test_too_many_requests_in_a_minute() -> None:
    ask = Asking(per_minute=3, rate_headers=True)
    for _ in range(3):
        assert ask("GET", "System")["IsSuccess"]
    refused = ask("GET", "System")
    assert (ask.status, refused["IsSuccess"], refused["StatusCode"]) == (429, False, 429)
    ask.simulator.control({"ahead": 60})
    assert ask("GET", "System")["IsSuccess"]


def test_too_many_requests_in_a_month() -> None:
    ask = Asking(per_month=2)
    for _ in range(2):
        assert ask("GET", "System")["IsSuccess"]
    ask.simulator.control({"ahead": 3000})
    assert (ask("GET", "System")["IsSuccess"], ask.status) == (False, 429)
    ask.simulator.control({"ahead": 30 * 86_400})
    ask.token = ask.log_in()
    assert ask("GET", "System")["IsSuccess"]


def test_plans_and_rights() -> None:
    ask = Asking(plan=1)
    assert (ask("GET", "IssuedInvoices")["ErrorCode"], ask.status) == (600, 402)
    ask = Asking(role=2)
    assert (ask("GET", "IssuedInvoices")["ErrorCode"], ask.status) == (420, 403)
    assert ask("GET", "Account/CurrentAgenda")["IsSuccess"]
    ask = Asking(plan_ends="2026-03-01")
    assert ask("GET", "IssuedInvoices")["ErrorCode"] == 600


def test_mails_say_what_was_sent_and_what_was_not() -> None:
    ask = Asking(undeliverable=["nikdo@example.com"], mails_a_day=2)
    document = ask.make(PartnerId=ask.contact(Email="jana@example.com"))["Data"]["Id"]
    body = {"DocumentId": document, "SendToPartner": True, "SendToSelf": False}
    assert ask("POST", "Mails/IssuedInvoice/Send", body)["ErrorCode"] == 400
    body |= {"SendToAccountant": False, "OtherRecipients": ["nikdo@example.com"]}
    data = ask("POST", "Mails/IssuedInvoice/Send", body)["Data"]
    assert data == {"Sent": ["jana@example.com"], "NotSent": ["nikdo@example.com"]}
    assert ask("GET", f"IssuedInvoices/{document}")["Data"]["IsSentToPurchaser"] == 1
    ask("POST", "Mails/IssuedInvoice/Send", body)
    assert ask("POST", "Mails/IssuedInvoice/Send", body)["ErrorCode"] == 122


def test_what_was_kept_goes_on_where_it_was(ask: Asking) -> None:
    ask.make()
    text = json.dumps(ask.simulator.dump())
    again = IdokladSimulator.restore(json.loads(text), clock=lambda: NOW)
    assert again.books() == ask.simulator.books()
    assert again.dump() == ask.simulator.dump()


def test_an_invoice_may_be_made_by_itself_when_a_proforma_is_paid() -> None:
    ask = Asking(auto_invoice=True)
    proforma = ask.proforma()["Data"]["Id"]
    ask.simulator.act("pay", external_id=proforma)
    kinds = [(kept.kind, kept.made_from) for kept in ask.simulator.books()]
    assert kinds == [("proforma", ""), ("invoice", str(proforma))]


def test_nobody_can_do_what_cannot_be_done(ask: Asking) -> None:
    document = ask.make()["Data"]["Id"]
    with pytest.raises(ValueError, match="nobody can"):
        ask.simulator.act("frame", external_id=document)
    with pytest.raises(ValueError, match="refuses"):
        ask.simulator.act("pay", external_id=999)
    with pytest.raises(TypeError, match="unknown account"):
        IdokladSimulator(moon="full")
