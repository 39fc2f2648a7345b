"""Their errors in our words: each has its code, and none is shown as data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spojka.accounting.superfaktura.client import BOOK, _is_error, _told
from spojka.accounting.superfaktura.tests import corpus
from spojka.core import catalogue
from spojka.core.outcome import OutcomeError, RejectedError, UnavailableError, UncertainError
from spojka.net.client import Response

HOST = "moja.superfaktura.sk"


def refused(body: Any, status: int = 200, operation: str = "", write: bool = True) -> OutcomeError:
    response = Response(status, {}, json.dumps(body).encode(), f"https://{HOST}/")
    facts = {"host": HOST, "login": "a@example.com"}
    return BOOK.outcome(response, operation, write=write, facts=facts, body=_told(body))


def both(words: str) -> dict[str, Any]:
    return {"error": 1, "error_message": words, "message": words}


def per_field(**fields: str) -> dict[str, Any]:
    return {"error": 5, "error_message": {name: [words] for name, words in fields.items()}}


# What the documentation and observers quote: body, status, operation, code, class.
QUOTED: list[tuple[Any, int, str, str, str]] = [
    (both("You can't create invoice"), 403, "create", "RIGHTS", "config"),
    (
        {"error": 4, "error_message": {"data_bad_format": "Missing required client data."}},
        200, "create", "CLIENT", "data",
    ),
    (
        per_field(type="Dokument musí obsahovať aspoň jednu položku"),
        200, "create", "NO-LINES", "data",
    ),
    ({"error": 1, "error_message": "Incorrect currency"}, 200, "create", "CURRENCY", "data"),
    (
        per_field(created="Neplatný dátum.", delivery="Neplatný dátum."),
        200, "create", "DATE", "data",
    ),
    (
        per_field(due="Dátum splatnosti nemôže byť skôr ako dátum vystavenia"),
        200, "create", "DATE", "data",
    ),
    (both("Invoice not found"), 404, "view", "GONE", "permanent"),
    ({"error": 2, "message": "Invoice ID not found."}, 200, "rights", "GONE", "permanent"),
    ({"error": 1, "message": "Bad data format."}, 200, "create", "BAD-DATA", "data"),
    ({"error": 3, "error_message": "Bad data format."}, 200, "delete", "BAD-DATA", "data"),
    (both("Invoice could not be deleted"), 404, "delete", "NOT-DELETED", "permanent"),
    (
        {"error": 1, "error_messages": [], "message": "Faktúra je už plne uhradená"},
        200, "pay", "PAID", "permanent",
    ),
    ({"error": 1, "message": "Invalid document type"}, 200, "pay", "TYPE", "permanent"),
    ({"error": 1, "message": "Payment not found"}, 200, "pay", "GONE", "permanent"),
    ({"error": 1, "message": "Platba sa nenašla"}, 200, "unpay", "PAYMENT-GONE", "permanent"),
    ({"error": 1, "message": "Error deleting payment"}, 200, "unpay", "PAYMENT-KEPT", "permanent"),
    (
        {"error": 1, "message": "Invalid id for invoice payment"},
        200, "unpay", "PAYMENT-GONE", "permanent",
    ),
    ({"error": 4, "error_message": "Invoice not found"}, 200, "send", "GONE", "permanent"),
    (
        {"error": 13, "error_message": "Please insert valid recipient email address."},
        200, "send", "EMAIL-ADDRESS", "data",
    ),
    ({"error": 1, "message": "Musíte mať platné prémiové členstvo"}, 401, "", "PLAN", "config"),
    ({"error": 1, "message": "Musíte mít platné prémiové členství"}, 401, "", "PLAN", "config"),
    (
        both("Ako používateľ typu Hosť nemáte oprávnenie na túto akciu."),
        200, "create", "GUEST", "config",
    ),
    (both("Document can not be canceled"), 200, "cancel", "NOT-CANCELLED", "permanent"),
    (both("Nemáte právo meniť faktúru"), 200, "cancel", "RIGHTS", "config"),
    # What is not documented, as it may sound.
    ({"error": "1", "error_message": "Niečo úplne nové"}, 200, "create", "REFUSED", "data"),
    (both("Faktúra s týmto číslom už existuje"), 200, "create", "NUMBER", "data"),
    (both("Obdobie je uzamknuté"), 200, "create", "PERIOD", "data"),
    (both("Nesprávny API kľúč"), 200, "companies", "LOGIN", "config"),
    (both("?"), 401, "companies", "LOGIN", "config"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "operation", "code", "means"), QUOTED)
def test_each_quoted_error_has_its_code(
    body: Any, status: int, operation: str, code: str, means: str
) -> None:
    error = refused(body, status, operation)
    assert error.problem.code == f"SPJ-SUPERFAKTURA-{code}"
    assert isinstance(error, RejectedError)
    assert error.rejection.value == means


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_broken_server_leaves_a_write_uncertain(status: int) -> None:
    words = {"error": 1, "message": "Unexpected error", "error_message": "Unexpected error"}
    for error in (refused(words, status), refused(words, 200)):
        assert isinstance(error, UncertainError)
        assert error.problem.code == "SPJ-SUPERFAKTURA-DOWN"
    assert isinstance(refused(words, status, write=False), UnavailableError)


def test_every_error_among_the_vendors_examples_has_a_code_of_its_own() -> None:
    files = sorted(corpus.folder().rglob("*.json"))
    assert len(files) > 100
    seen = set()
    for file in files:
        body = json.loads(file.read_text("utf-8"))
        silent = isinstance(body, dict) and body.get("status") == 0  # set_language
        if not _is_error(body) and not silent:
            continue
        error = refused(body, operation=_operation(file.name))
        code = error.problem.code
        assert code.startswith("SPJ-SUPERFAKTURA-"), file.name
        assert code != "SPJ-SUPERFAKTURA-REFUSED", file.name
        for language in catalogue.LANGUAGES:
            explained = catalogue.explain(error.problem, language, entries=BOOK.entries)
            shown = f"{explained.cause} {explained.fix} {error.technical}"
            assert not set("{}[]\\") & set(shown), file.name
            assert "…" not in shown, file.name
        seen.add(code)
    assert len(seen) > 12


def _operation(name: str) -> str:
    for part, operation in (
        ("pay-invoice", "pay"), ("send-invoice", "send"), ("delete-invoice-payment", "unpay"),
        ("Payment", "pay"),
    ):  # fmt: skip
        if part in name:
            return operation
    return ""


def test_what_is_refused_is_not_quoted_with_the_document_that_was_sent() -> None:
    body = {
        "error": 5,
        "error_message": {"type": ["Dokument musí obsahovať aspoň jednu položku"]},
        "error_data": {"Invoice": {"my_data": '{"MyData":{"ico":"46655034"}}'}},
    }
    assert "46655034" not in refused(body).technical


@pytest.mark.parametrize("entry", BOOK.entries, ids=lambda entry: entry.code)
def test_texts_answer_what_happened_and_what_to_do(entry: catalogue.Entry) -> None:
    given = {"host", "login", "said", "status"}
    own = {"company", "companies", "ours", "theirs", "tag", "number"}
    assert entry.facts <= given | own
    for language in catalogue.LANGUAGES:
        assert entry.cause[language] != entry.fix[language]
        assert not entry.link or entry.link.startswith("https://{host}/")


def test_every_code_of_the_table_is_explained_and_used() -> None:
    explained = {entry.code for entry in BOOK.entries}
    ruled = {rule.code for rule in BOOK.rules}
    assert ruled <= explained
