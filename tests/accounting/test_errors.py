"""Their errors in our words: which rule fits, what it means, and how little of theirs is shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from spojka.accounting.errors import ErrorBook, own_words
from spojka.core.catalogue import CatalogueError
from spojka.core.outcome import (
    OutcomeError,
    RejectedError,
    Rejection,
    ThrottledError,
    UnavailableError,
    UncertainError,
)
from spojka.net.client import Response

ENTRY = """
[SPJ-TOY-{name}]
document = "no"
retriable = false
cause = {{en = "{name} {{said}}", cs = "{name}", sk = "{name}"}}
fix = {{en = "Mend it.", cs = "Opravte to.", sk = "Opravte to."}}
"""
TABLE = (
    r"""
[[rules]]
status = [503]
match = "(?i)read.only"
code = "SPJ-TOY-CLOSED"
outcome = "unavailable"

[[rules]]
status = [401, 403]
operation = ["token"]
code = "SPJ-TOY-LOGIN"
outcome = "config"

[[rules]]
path = "errors.number"
match = "(?i)already taken"
code = "SPJ-TOY-NUMBER"
outcome = "data"

[[rules]]
path = "errors.lines.*.rate"
code = "SPJ-TOY-RATE"
outcome = "data"

[[rules]]
path = "errors.0.text"
code = "SPJ-TOY-FIRST"
outcome = "permanent"

[[rules]]
match = "code (?P<code>\\d+).*limit of (?P<limit>\\d+)"
code = "SPJ-TOY-LIMIT"
outcome = "throttled"
"""
    + "".join(ENTRY.format(name=name) for name in ("CLOSED", "LOGIN", "NUMBER", "RATE", "LIMIT"))
    + ENTRY.format(name="FIRST")
)
BOOK = ErrorBook.read(TABLE)


def answer(status: int, body: str, media: str = "application/json") -> Response:
    return Response(status, {"content-type": media}, body.encode(), "https://toy.example/")


@pytest.mark.parametrize(
    ("status", "operation", "body", "code"),
    [
        (401, "token", "{}", "LOGIN"),
        (422, "create", '{"errors": {"number": ["is already TAKEN"]}}', "NUMBER"),
        (422, "create", '{"errors": {"lines": {"0": {"rate": ["is wrong"]}}}}', "RATE"),
        (422, "create", '{"errors": {"lines": [{"name": "x"}, {"rate": "is wrong"}]}}', "RATE"),
        (400, "create", '{"errors": [{"text": "no"}]}', "FIRST"),
        (200, "create", '{"code": 7, "text": "over the limit of 20 a day"}', "LIMIT"),
        (503, "create", "<h1>Read-only</h1> for an hour", "CLOSED"),
    ],
)
def test_the_first_rule_that_fits_decides(
    status: int, operation: str, body: str, code: str
) -> None:
    problem, _, _ = BOOK.problem(answer(status, body), operation)
    assert problem.code == f"SPJ-TOY-{code}"


@pytest.mark.parametrize(
    ("status", "operation", "body"),
    [
        (401, "create", "{}"),
        (422, "create", '{"errors": {"number": ["is too long"]}}'),
        (422, "create", '{"errors": {"number": []}}'),
        (422, "create", '{"errors": "number already taken"}'),
        (400, "create", '{"errors": []}'),
        (503, "create", "overloaded"),
    ],
)
def test_a_rule_about_something_else_does_not_fit(status: int, operation: str, body: str) -> None:
    problem, means, _ = BOOK.problem(answer(status, body), operation)
    assert (problem.code, means) == ("SPJ-UNMAPPED", None)


def test_what_a_pattern_found_are_facts_with_those_of_the_client() -> None:
    said = answer(200, '{"code": 7, "text": "over the limit of 20 a day"}')
    problem, _, _ = BOOK.problem(said, "create", {"account": "firma"})
    assert problem.facts["limit"] == "20" and problem.facts["account"] == "firma"
    assert problem.facts["code"] == "7" and problem.facts["status"] == "200"


UNTIL = datetime(2026, 11, 22, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "body", "of_a_write", "of_a_read"),
    [
        (429, "{}", ThrottledError, ThrottledError),
        (402, "{}", RejectedError, RejectedError),
        (404, "{}", RejectedError, RejectedError),
        (500, "{}", UncertainError, UnavailableError),
        (302, "", UncertainError, UnavailableError),
        (200, "<h1>Maintenance</h1>", UncertainError, UnavailableError),
        (503, "read-only", UnavailableError, UnavailableError),
    ],
)
def test_what_an_answer_means_for_writes_and_reads(
    status: int, body: str, of_a_write: type[OutcomeError], of_a_read: type[OutcomeError]
) -> None:
    for write, expected in ((True, of_a_write), (False, of_a_read)):
        error = BOOK.outcome(answer(status, body), "create", write=write, until=UNTIL)
        assert type(error) is expected
        if isinstance(error, ThrottledError):
            assert error.until == UNTIL


@pytest.mark.parametrize(
    ("status", "rejection"),
    [(401, "config"), (402, "config"), (403, "config"), (400, "data"), (422, "data")],
)
def test_who_has_to_mend_what_no_rule_knows(status: int, rejection: str) -> None:
    error = BOOK.outcome(answer(status, "{}"), "create", write=True)
    assert isinstance(error, RejectedError) and error.rejection is Rejection(rejection)


def test_secrets_in_their_words_are_masked_in_all_that_is_kept() -> None:
    said = answer(400, '{"error": "key s3cr3t-key is not known"}')
    error = BOOK.outcome(
        said, "create", write=True, redact=lambda text: text.replace("s3cr3t-key", "•••")
    )
    assert "s3cr3t" not in f"{error} {error.technical} {dict(error.problem.facts)}"
    assert "is not known" in error.technical


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"error": "Invalid client"}', "Invalid client"),
        ('{"errors": {"number": ["is  taken"], "base": ["closed"]}}', "number: is taken; closed"),
        ('{"error": 1, "error_message": {"Client": ["no\\nname"]}}', "error 1; Client: no name"),
        ('{"ErrorCode": 123, "Message": "Exists", "IsSuccess": false}', "ErrorCode 123; Exists"),
        ('["one", "one", "two"]', "one; two"),
        ('"plain"', "plain"),
        ("null", ""),
        ("{}", ""),
        ('{"Message": "half of an an', ""),
        ("plain words", "plain words"),
        ("", ""),
        (
            "<html><head><title>T</title></head><style>a{}</style><p>Back&nbsp;soon</p></html>",
            "Back soon",
        ),
    ],
)
def test_their_words_are_shown_as_words(body: str, words: str) -> None:
    said = answer(500, body)
    try:
        data: Any = said.json()
    except ValueError:
        data = None
    assert own_words(said, data) == words


def test_of_long_words_the_beginning_is_kept() -> None:
    assert len(own_words(answer(500, "x" * 10_000))) == 300


@pytest.mark.parametrize(
    "table",
    [
        'rules = [{code = "SPJ-A", outcome = "later"}]',
        'rules = [{outcome = "data"}]',
        'rules = [{code = "SPJ-A", outcome = "data", match = "("}]',
        '[SPJ-A]\ndocument = "no"\nretriable = false',
        "no table",
    ],
)
def test_a_table_that_is_none_is_refused(table: str) -> None:
    with pytest.raises(CatalogueError):
        ErrorBook.read(table)


def test_a_system_without_a_table_has_no_errors() -> None:
    book = ErrorBook.of("spojka.accounting.own")
    assert (book.rules, book.entries) == ((), ())
    assert ErrorBook.of("tests.accounting.denik").entries
