"""Every refusal that their documentation shows, and those seen by others, has a code of its own.

The documentation's own examples are read from the folder of references beside the checkout, where
there is one; the bodies quoted here are ours, in the same form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spojka.accounting.fakturoid.client import BOOK
from spojka.core import catalogue
from spojka.core.outcome import RejectedError, ThrottledError, UnavailableError, UncertainError
from spojka.net.client import Response

_EXAMPLES = Path("shared") / "data" / "fakturoid" / "docs-examples"
_OPERATIONS = {
    "invoices__create-invoice": "create",
    "invoices__update-invoice": "update",
    "invoices__delete-invoice": "delete",
    "invoices__invoice-actions": "cancel",
    "invoice-payments__create-payment": "pay",
    "invoice-payments__delete-invoice-payment": "unpay",
    "invoice-payments__create-tax-document": "tax_document",
    "invoice-messages__create-message": "email",
    "subjects__create-subject": "contact",
    "subjects__update-subject": "contact",
    "subjects__delete-subject": "delete",
    "webhooks__create-webhook": "webhook",
    "webhooks__update-webhook": "webhook",
    "introduction__error-handling": "create",
}
"""What the connector calls the request that each page of examples belongs to."""
_STATUSES = {"063": 422, "064": 400}
"""Of examples whose names tell none."""


def body(status: int, content: Any) -> Response:
    text = content if isinstance(content, str) else json.dumps(content)
    return Response(status, {"content-type": "application/json"}, text.encode())


def fields(**errors: str) -> dict[str, Any]:
    return {"errors": {name.replace("__", "."): [text] for name, text in errors.items()}}


def code(error: str, text: str = "Text") -> dict[str, str]:
    return {"error": error, "error_description": text}


AGENT = 'Required header "User-Agent" is missing'
CASES = [
    ("token", 401, code("invalid_client"), "KEY", RejectedError),
    ("token", 400, code("unauthorized_client"), "KEY", RejectedError),
    ("token", 400, code("invalid_request", AGENT), "HEADERS", RejectedError),
    ("token", 403, code("forbidden", AGENT), "HEADERS", RejectedError),
    ("token", 415, "", "HEADERS", RejectedError),
    ("token", 404, "<html>Not found</html>", "ADDRESS", RejectedError),
    ("token", 302, "", "ADDRESS", RejectedError),
    ("token", 200, "<html>Login</html>", "ANSWER", UnavailableError),
    ("token", 503, "<html>Busy</html>", "DOWN", UnavailableError),
    ("create", 401, code("invalid_token"), "TOKEN", RejectedError),
    ("create", 402, {"error": "unpaid", "unpaid_invoices": [{"id": 1}]}, "BLOCKED", RejectedError),
    ("create", 402, "", "BLOCKED", RejectedError),
    ("account", 404, "", "ACCOUNT-UNKNOWN", RejectedError),
    ("account", 403, code("forbidden"), "ACCOUNT-UNKNOWN", RejectedError),
    ("create", 403, code("forbidden"), "RIGHTS", RejectedError),
    ("create", 403, fields(bank_account="Nastavte si účet"), "BANK-ACCOUNT", RejectedError),
    ("create", 403, code("upgrade_required"), "PLAN", RejectedError),
    ("create", 403, code("quota_exhausted"), "QUOTA", RejectedError),
    ("contact", 403, code("quota_exhausted"), "CONTACT-LIMIT", RejectedError),
    ("create", 422, fields(number="Číslo neodpovídá formátu"), "NUMBER", RejectedError),
    ("create", 422, fields(number_format_id="není v seznamu"), "SERIES-GONE", RejectedError),
    ("create", 422, fields(subject_id="Kontakt neexistuje."), "CONTACT-GONE", RejectedError),
    ("create", 422, fields(custom_id="již existuje"), "KEY-TAKEN", RejectedError),
    ("create", 422, fields(correction_id="již existuje"), "CORRECTION-EXISTS", RejectedError),
    ("create", 422, fields(related_id="již existuje"), "PROFORMA-SETTLED", RejectedError),
    ("create", 422, fields(exchange_rate="je povinná"), "EXCHANGE-RATE", RejectedError),
    ("create", 422, fields(bank_account_id="neexistuje"), "BANK-ACCOUNT-GONE", RejectedError),
    ("create", 422, fields(issued_on="není datum"), "DATE", RejectedError),
    ("create", 422, fields(taxable_fulfillment_due="není"), "DATE", RejectedError),
    ("create", 422, fields(lines__vat_rate="must be zero"), "REFUSED", RejectedError),
    ("contact", 422, fields(name="je příliš krátký"), "CONTACT-REFUSED", RejectedError),
    ("contact", 422, fields(email="zkontrolujte"), "CONTACT-EMAIL", RejectedError),
    ("contact", 422, fields(custom_id="již existuje"), "CONTACT-TAKEN", RejectedError),
    ("create", 429, "", "LIMIT", ThrottledError),
    ("create", 503, code("read_only"), "MAINTENANCE", UnavailableError),
    ("create", 503, "<html>Service unavailable</html>", "DOWN", UncertainError),
    ("create", 500, code("internal_server_error"), "DOWN", UncertainError),
    ("create", 502, "<html>Bad gateway</html>", "DOWN", UncertainError),
    ("create", 200, code("forbidden"), "ANSWER", UncertainError),
    ("create", 201, {}, "ANSWER", UncertainError),
    ("create", 201, "", "ANSWER", UncertainError),
    ("create", 200, "<html>Údržba</html>", "ANSWER", UncertainError),
    ("create", 404, "", "ADDRESS", RejectedError),
    ("series", 404, "", "SERIES-UNREADABLE", RejectedError),
    ("pay", 404, "", "GONE", RejectedError),
    ("pay", 403, code("forbidden", "Platbu nelze přidat"), "PAID-ALREADY", RejectedError),
    ("pay", 422, fields(amount="není číslo"), "PAYMENT-INVALID", RejectedError),
    ("unpay", 403, code("forbidden"), "UNPAY-REFUSED", RejectedError),
    ("update", 403, code("document_locked"), "LOCKED", RejectedError),
    ("cancel", 422, fields(event="cancel cannot be fired"), "CANCEL-REFUSED", RejectedError),
    ("delete", 422, fields(document="nelze smazat"), "DELETE-REFUSED", RejectedError),
    ("email", 403, code("upgrade_required"), "EMAIL-PLAN", RejectedError),
    ("email", 403, code("email_delivery_disabled"), "EMAIL-DISABLED", RejectedError),
    ("email", 403, code("quota_exhausted"), "EMAIL-QUOTA", ThrottledError),
    ("email", 422, fields(email="zkontrolujte"), "EMAIL-ADDRESS", RejectedError),
    ("webhook", 403, code("upgrade_required"), "WEBHOOK-PLAN", RejectedError),
    ("webhook", 422, fields(events="nesmí být prázdné"), "WEBHOOK-REFUSED", RejectedError),
    ("tax_document", 422, fields(document="nelze"), "TAX-DOCUMENT-REFUSED", RejectedError),
]


@pytest.mark.parametrize(("operation", "status", "said", "named", "error"), CASES)
def test_each_refusal_has_its_code_and_its_outcome(
    operation: str, status: int, said: Any, named: str, error: type[Exception]
) -> None:
    is_write = operation not in {"token", "account", "series"}
    found = BOOK.outcome(body(status, said), operation, write=is_write, facts={"slug": "zkusebni"})
    assert found.problem.code == f"SPJ-FAKTUROID-{named}"
    assert type(found) is error
    explain(found.problem)


def explain(problem: Any) -> None:
    """Demand a text in each language that shows neither JSON nor a gap."""
    for language in catalogue.LANGUAGES:
        told = catalogue.explain(problem, language)
        shown = f"{told.cause} {told.fix}"
        assert not re.search(r'[{}\[\]<>]|"error', shown), shown


def test_every_code_of_the_table_is_reached_by_a_rule_or_named_in_the_code() -> None:
    folder = Path(__file__).parents[1]
    sources = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    by_rule = {rule.code for rule in BOOK.rules}
    for entry in BOOK.entries:
        assert entry.code in by_rule or f'"{entry.code}"' in sources, entry.code
    named = set(re.findall(r'"(SPJ-FAKTUROID-[A-Z-]+)"', sources))
    assert by_rule | named == {entry.code for entry in BOOK.entries}


def examples() -> Iterator[tuple[str, int, Any]]:
    """Yield the documentation's refusals as (name, status, body)."""
    for parent in Path(__file__).parents:
        for path in sorted((parent / _EXAMPLES).glob("*.json")):
            content = json.loads(path.read_text("utf-8"))
            found = re.search(r"_(4\d\d)_\d+", path.stem)
            status = int(found[1]) if found else _STATUSES.get(path.stem[-3:], 0)
            if status >= 400 and "__request" not in path.stem:
                yield path.stem, status, content


def test_every_refusal_of_their_documentation_has_a_code() -> None:
    found = list(examples())
    if not found:
        pytest.skip("the references are not beside the checkout")
    seen: set[str] = set()
    for name, status, content in found:
        operation = _OPERATIONS["__".join(name.split("__")[:2]).split("____")[0]]
        error = BOOK.outcome(body(status, content), operation, write=True)
        assert error.problem.code != catalogue.UNMAPPED, name
        explain(error.problem)
        seen.add(error.problem.code)
    assert len(found) >= 18
    assert len(seen) >= 15, seen
