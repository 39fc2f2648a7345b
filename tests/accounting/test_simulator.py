"""What all simulators share: orders, state that can be kept, JSON with exact numbers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from spojka.accounting.simulator import Answer, Asked, Fault, pdf_of, written
from tests.accounting.denik.simulator import DenikSimulator

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def asked(method: str, target: str, body: bytes = b"") -> Asked:
    return Asked.of(method, target, {"Authorization": "Bearer t"}, body)


def simulator(**account: Any) -> DenikSimulator:
    made = DenikSimulator(clock=lambda: NOW, **account)
    made.state["token"] = "t"
    return made


def test_a_request_is_read_as_it_was_meant() -> None:
    one = Asked.of("get", "/a%2Fb/%C5%A1?q=1%2B1&q2=&r=a+b", {"X-Key": "k"}, b"")
    assert (one.method, one.path, one.raw_path) == ("GET", "/a/b/š", "/a%2Fb/%C5%A1")
    assert one.query == {"q": "1+1", "q2": "", "r": "a b"}
    assert (one.headers, one.line) == ({"x-key": "k"}, "GET /a/b/š")
    assert Asked.of("POST", "/", {}, b'{"a": 1.10}').json() == {"a": Decimal("1.10")}
    assert Asked.of("POST", "/", {}, b"a=1&b=").form() == {"a": "1", "b": ""}
    with pytest.raises(ValueError):
        Asked.of("POST", "/", {}, b"").json()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": Decimal("1.10")}, '{"a": 1.10}'),
        ([Decimal("1E+2"), Decimal("-0.005")], "[100, -0.005]"),
        ({"a": "\x000\x00", "b": Decimal(1)}, '{"a": "\\u00000\\u0000", "b": 1}'),
        ({"š": None}, '{"š": null}'),
    ],
)
def test_numbers_are_written_exactly(value: object, text: str) -> None:
    assert written(value) == text
    assert Answer.json(value).body == text.encode()


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(TypeError):
        written({"at": NOW})


def test_a_trouble_waits_for_its_request_and_goes_away() -> None:
    made = simulator()
    made.fail(Fault.LIMIT, "GET /lists", times=2, skip=1)
    statuses = [made.handle(asked("GET", "/lists"))[0].status for _ in range(4)]
    assert statuses == [200, 429, 429, 200]
    assert made.handle(asked("GET", "/company"))[0].status == 200
    assert made.requests == ["GET /lists"] * 4 + ["GET /company"]


def test_of_two_troubles_the_one_ordered_first_comes_first() -> None:
    made = simulator()
    made.fail("error_before", "GET")
    made.fail("limit", "GET")
    assert [made.handle(asked("GET", "/lists"))[0].status for _ in range(3)] == [503, 429, 200]


def test_an_unknown_setting_of_the_account_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        simulator(colour="red")
    with pytest.raises(ValueError):
        simulator().fail("nothing")


def test_an_account_can_be_kept_and_opened_again() -> None:
    made = simulator(plan="full")
    document = {
        "key": "k",
        "kind": "invoice",
        "order": "1",
        "currency": "CZK",
        "rounding": "0",
        "rows": [{"price": "121", "rate": "21"}],
    }
    body = json.dumps(document).encode()
    assert made.handle(asked("POST", "/documents", body))[0].status == 201
    kept = json.loads(json.dumps(made.dump()))
    kept["account"]["of an older version"] = True
    again = DenikSimulator.restore(kept, clock=lambda: NOW)
    assert again.books() == made.books() and again.account == made.account
    again.state["documents"].clear()
    assert len(made.books()) == 1
    assert len(kept["state"]["documents"]) == 1


def test_its_pdf_is_one() -> None:
    content = pdf_of("D00001 (x) \\")
    assert content.startswith(b"%PDF-1.") and content.endswith(b"%%EOF\n")
    assert b"(D00001 x )" in content
