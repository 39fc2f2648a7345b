"""The simulator held against what others wrote of SuperFaktura: a description, and examples.

The community's OpenAPI description has slips, which are mended here before it is used. Where it and
live observations differ (which status an error has), the observations are followed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok

# Loaded now: compiled deep inside of a generated call, Python 3.11 may lose count of its recursion.
from schemathesis.specs.openapi.adapter import parameters as _parameters  # noqa: F401
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from spojka.accounting.serving import Serving
from spojka.accounting.superfaktura.simulator import SuperFakturaSimulator
from spojka.accounting.superfaktura.tests import corpus
from spojka.accounting.superfaktura.tests.test_simulator import LOGIN, MINIMAL, World

SIMULATED = {
    "POST /invoices/create", "POST /invoices/edit", "GET /invoices/getInvoiceDetails/{ids}",
    "GET /invoices/index.json/listinfo:1", "GET /invoices/delete/{id}",
    "GET /invoices/will_not_be_paid/{id}",
    "POST /invoices/send", "POST /invoices/mark_as_sent", "GET /invoices/mark_sent/{id}",
    "GET /users/company_switcher", "GET /users/getUserCompaniesData/{get_all_companies}",
    "POST /tags/add", "GET /tags/index.json", "GET /countries", "GET /countries/index/view_full:1",
    "GET /bank_accounts/index", "GET /clients/index.json/listinfo:1",
}  # fmt: skip
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]


def mended(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the description as OpenAPI wants it: statuses are texts, path parameters declared."""
    spec = deepcopy(spec)
    account = spec["components"]["schemas"]["BankAccount"]["properties"]
    for flag in ("show", "default"):
        account[flag].pop("type")  # a number in its table, true or false in its own example
    paths: dict[str, Any] = {}
    for path, operations in spec["paths"].items():
        # A pattern of filters is no template; with this one the answer is the object described.
        plain = path.replace("index.json[/{ATTRIBUTE}:{VALUE}]*", "index.json/listinfo:1")
        plain = plain.replace("/create-invoice", "/invoices/create")
        for operation in operations.values():
            operation["responses"] = {str(k): v for k, v in operation["responses"].items()}
            known = re.findall(r"\{(\w+)\}", plain)
            declared = [
                parameter
                for parameter in operation.get("parameters", [])
                if parameter["name"] != "Authorization"
                and (parameter["in"] != "path" or parameter["name"] in known)
            ]
            names = {parameter["name"] for parameter in declared}
            declared += [
                {"name": name, "in": "path", "required": True, "schema": {"type": "integer"}}
                for name in known
                if name not in names
            ]
            operation["parameters"] = declared
        paths.setdefault(plain, {}).update(operations)
    spec["paths"] = {
        path: {
            method: operation
            for method, operation in operations.items()
            if f"{method.upper()} {path}" in SIMULATED
        }
        for path, operations in paths.items()
    }
    return spec


def test_generated_calls_are_answered_as_described() -> None:
    text = (corpus.folder() / "openapi-xseman.yaml").read_text("utf-8")
    schema = schemathesis.openapi.from_dict(mended(yaml.safe_load(text)))
    simulator = SuperFakturaSimulator(daily_limit=10**6, monthly_limit=10**6)
    simulator.act("issue", body=MINIMAL)
    called: set[str] = set()
    with Serving(simulator) as server:
        for found in schema.get_all_operations():
            assert isinstance(found, Ok)
            called.add(found.ok().label)
            _call_all_of(found.ok(), server.address)
    assert called == SIMULATED


def _call_all_of(operation: Any, address: str) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=20,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def call(case: Any) -> None:
        case.call_and_validate(
            base_url=address, headers={"Authorization": LOGIN}, checks=list(CHECKS)
        )

    call()


# the documentation's own examples

PICTURES = {"Logo", "Signature", "LogoRaw", "SignatureRaw", "size", "url"}
"""Pictures are not simulated."""
NOT_SIMULATED = {
    # of contacts and the company: settings that documents do not depend on
    "account", "bank_account", "bank_account_id", "bank_account_prefix", "bank_code", "comment",
    "created", "currency", "default_variable", "delivery_country", "delivery_country_id",
    "delivery_phone", "delivery_state", "discount", "distance", "dont_travel", "due_date", "fax",
    "modified", "notices", "tags", "user_id", "user_profile_id", "uuid", "web", "phone",
    "company_type", "country_id", "logo_id", "logo_key", "updateClient",
    "save_contact_from_document", "DeliveryCountry",
    "travel_agencies", "update_profile", "show_account",
    # of documents and items: bookkeeping of functions that are not used
    "AccountingDetail", "import_id", "import_parent_id", "import_type", "items_name", "demo",
    "special_vat_scheme", "show_items_with_dph", "show_special_vat", "hide_in_autocomplete",
    "tax_deposit", "discount_description", "discount_no_vat", "discount_no_vat_total",
    "discount_with_vat", "discount_with_vat_total", "invoice_no_formatted_length",
    "item_price_vat_check", "no-signature", "trustpay", "bysquare", "paypal", "payment_info",
    "force_iban", "online_payment", "signature", "summary_bg_color", "pickup_point_id",
    "create_from_multiple_deliveries", "show_prices", "show_summary",
}  # fmt: skip


def _missing(example: Any, answer: Any, path: str = "") -> Iterator[str]:
    """Yield what the example has and the answer has not, or has of another type."""
    if isinstance(example, dict) and isinstance(answer, dict):
        for name, value in example.items():
            where = f"{path}/{name}"
            if name in PICTURES or name in NOT_SIMULATED:
                continue
            if name not in answer:
                yield where
            else:
                yield from _missing(value, answer[name], where)
    elif isinstance(example, list) and isinstance(answer, list):
        if example and answer:
            yield from _missing(example[0], answer[0], f"{path}/0")
    elif example is not None and answer is not None and _kind(example) != _kind(answer):
        yield f"{path}: {example!r} became {answer!r}"


def _kind(value: Any) -> str:
    return (
        "number"
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        else str(type(value))
    )


def _example(name: str) -> Any:
    (file,) = (corpus.folder() / "docs-examples").glob(f"{name}*.json")
    return json.loads(file.read_text("utf-8"))


def test_answers_have_the_shape_of_the_documentations_examples() -> None:
    world = World()
    created = world.post("/invoices/create", MINIMAL)
    pay = {"InvoicePayment": {"invoice_id": 1, "payment_type": "cash", "amount": 12}}
    email = {"Email": {"invoice_id": 1, "to": "john.doe@example.com", "pdf_language": "eng"}}
    listed = world.get("/invoices/index.json/listinfo:1/per_page:1/page:1")
    paid = world.post("/invoice_payments/add/ajax:1/api:1", pay)
    answers = {
        "invoice__add-invoice__response_successful": created,
        "invoice__get-list-of-invoices": listed,
        "invoice__get-invoice-detail__response_success": world.get("/invoices/view/1.json"),
        "invoice__get-invoices-details__response_success": world.get(
            "/invoices/getInvoiceDetails/1"
        ),
        "invoice__pay-invoice__response_successfully": paid,
        "invoice__delete-invoice-payment__response_successful": world.get(
            "/invoice_payments/delete/1"
        ),
        "invoice__send-invoice-via-mail__response_successfully": world.post(
            "/invoices/send", email, as_json=True
        ),
        "invoice__mark-invoice-as-sent__response_successfully": world.get("/invoices/mark_sent/1"),
        "invoice__set-invoice-as-will-not-be-paid__response_successfully": world.get(
            "/invoices/will_not_be_paid/1"
        ),
        "invoice__edit-invoice__response_successfully": world.post(
            "/invoices/edit", {"Invoice": {"id": 1, "discount": 5}}
        ),
        "other__get-user-companies-data": world.get("/users/getUserCompaniesData"),
        "bank-account__get-list-of-bank-accounts__response_success": world.get(
            "/bank_accounts/index"
        ),
        "tags__get-list-of-tags": world.get("/tags/index.json"),
    }
    missing = {
        name: found for name, answer in answers.items()
        if (found := list(_missing(_example(name), answer)))
    }  # fmt: skip
    assert missing == {}
    series = _example("value-lists__sequences")
    assert not list(_missing(series["regular"], world.get("/sequences/index.json")["regular"]))


@pytest.mark.parametrize(
    ("name", "path", "data"),
    [
        ("invoice__add-invoice__response_missing-data", "/invoices/create", {"Client": {}}),
        ("invoice__edit-invoice__response_wrong-invoice", "/invoices/edit", {"Invoice": {"id": 9}}),
        ("invoice__edit-invoice__response_wrong-id", "/invoices/edit", {"Invoice": {"id": "x"}}),
        ("invoice__send-invoice-via-mail__response_invoice-not-found", "/invoices/send",
         {"Email": {"invoice_id": 9, "to": "a@example.com"}}),
        ("invoice__send-invoice-via-mail__response_invalid", "/invoices/send",
         {"Email": {"invoice_id": 1, "to": "a"}}),
        ("invoice__pay-invoice__response_invalid-id", "/invoice_payments/add/ajax:1/api:1",
         {"InvoicePayment": {"invoice_id": 9}}),
        ("invoice__pay-invoice__response_paying-invalid", "/invoice_payments/add/ajax:1/api:1",
         {"InvoicePayment": {"invoice_id": 2}}),
        ("invoice__mark-invoice-as-sent-via-email__response_invalid-data",
         "/invoices/mark_as_sent", {"InvoiceEmail": {"invoice_id": 1}}),
    ],
)  # fmt: skip
def test_refusals_are_those_of_the_documentation(
    name: str, path: str, data: dict[str, Any]
) -> None:
    world = World()
    world.create()
    world.create(Invoice={"type": "delivery"})
    assert world.post(path, data) == _example(name)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("invoice__get-invoice-detail__response_wrong", "/invoices/view/9.json"),
        ("invoice__delete-invoice__response_wrong", "/invoices/delete/9"),
        ("invoice__delete-invoice__response_successful", "/invoices/delete/1"),
        ("invoice__delete-invoice-payment__response_payment-not", "/invoice_payments/delete/9"),
        ("invoice__delete-invoice-payment__response_invalid", "/invoice_payments/delete/x"),
        ("invoice__mark-invoice-as-sent__response_wrong", "/invoices/mark_sent/9"),
        ("invoice__set-invoice-as-will-not-be-paid__response_wrong",
         "/invoices/will_not_be_paid/2"),
    ],
)  # fmt: skip
def test_refusals_of_reads_are_those_of_the_documentation(name: str, path: str) -> None:
    world = World()
    world.create()
    world.create(Invoice={"type": "delivery"})
    assert world.get(path) == _example(name)
