"""The checklist, *Load data*, the token, limits, and what iDoklad's errors become."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP
from typing import Any

import pytest

from spojka.accounting.errors import UNMAPPED, ErrorBook
from spojka.accounting.idoklad.client import BOOK
from spojka.accounting.idoklad.facts import Facts
from spojka.accounting.idoklad.system import SYSTEM
from spojka.accounting.idoklad.tests.box import NOW, Box, box, customer, document, reload, seller
from spojka.accounting.simulator import Answer, Fault
from spojka.accounting.testing import MemoryBudget
from spojka.core import catalogue
from spojka.core.descriptor import Check
from spojka.core.document import VatMode
from spojka.core.outcome import (
    OutcomeError,
    RejectedError,
    Rejection,
    ThrottledError,
    UnavailableError,
    UncertainError,
)
from spojka.net.client import Response
from spojka.net.limits import MINUTE, MONTH

ROWS = [
    "address", "tls", "login", "company", "plan", "rights", "series", "bank_account", "vat_mode",
    "read",
]  # fmt: skip


def checked(b: Box, **changes: Any) -> list[Check]:
    return list(SYSTEM.verify(b.with_(**changes)))


def codes(rows: list[Check]) -> dict[str, tuple[str, str]]:
    """Return status and code of the rows that are not well."""
    return {row.key: (row.status, row.problem.code) for row in rows if row.problem is not None}


def test_a_healthy_agenda_passes_row_by_row() -> None:
    with box(loaded=False) as b:
        rows = checked(b)
        assert [row.key for row in rows] == ROWS
        assert codes(rows) == {}
        assert {row.key: row.detail for row in rows}["plan"] == "Premium"
        assert len(b.asked()) == 5
        assert all(line.startswith("GET ") for line in b.asked())
        assert all(row.link.startswith("https://") for row in rows if row.link)


@pytest.mark.parametrize(
    ("account", "row", "status", "code"),
    [
        ({"auth_error": 0}, "plan", "fail", "PLAN-FREE"),
        ({"auth_error": 1}, "plan", "fail", "PLAN-DOWNGRADE"),
        ({"auth_error": 2}, "plan", "fail", "PLAN-EXPIRED"),
        ({"plan": 0}, "plan", "fail", "PLAN"),
        ({"plan_ends": "2026-03-10"}, "plan", "warn", "PLAN-ENDS"),
        ({"role": 2}, "rights", "fail", "RIGHTS"),
        ({"api_forbidden": True}, "login", "fail", "API-FORBIDDEN"),
        ({"company_id": "45274649"}, "company", "warn", "OTHER-COMPANY"),
        ({"bank_accounts": False}, "bank_account", "warn", "NO-ACCOUNT"),
        ({"vat": "non_payer"}, "vat_mode", "fail", "VAT-NON-PAYER"),
        ({"vat": "identified"}, "vat_mode", "fail", "VAT-NON-PAYER"),
        ({"rounding": 1}, "vat_mode", "warn", "ROUNDS-ALL"),
    ],
)
def test_each_thing_that_is_wrong_has_its_row_and_its_message(
    account: dict[str, Any], row: str, status: str, code: str
) -> None:
    with box(loaded=False, **account) as b:
        assert codes(checked(b))[row] == (status, f"SPJ-IDOKLAD-{code}")


@pytest.mark.parametrize(
    ("theirs", "ours", "status", "code"),
    [
        ("payer", VatMode.NON_PAYER, "fail", "VAT-PAYER"),
        ("identified", VatMode.NON_PAYER, "warn", "VAT-IDENTIFIED"),
        ("non_payer", VatMode.IDENTIFIED, "warn", "VAT-IDENTIFIED"),
    ],
)
def test_vat_modes_that_differ(theirs: str, ours: VatMode, status: str, code: str) -> None:
    with box(loaded=False, vat=theirs) as b:
        rows = checked(b, seller=seller(vat_mode=ours))
        assert codes(rows) == {"vat_mode": (status, f"SPJ-IDOKLAD-{code}")}


def test_wrong_credentials_and_a_wrong_address_are_told_apart() -> None:
    with box(loaded=False) as b:
        wrong = {**b.session.credentials, "client_secret": "wrong"}
        assert codes(checked(b, credentials=wrong)) == {"login": ("fail", "SPJ-IDOKLAD-LOGIN")}
        wrong = {**b.session.credentials, "application_id": "7f1d0e52"}
        assert codes(checked(b, credentials=wrong)) == {
            "login": ("fail", "SPJ-IDOKLAD-APPLICATION")
        }
        wrong = {**b.session.credentials, "address": b.session.credentials["address"] + "/shop"}
        assert codes(checked(b, credentials=wrong)) == {"address": ("fail", "SPJ-IDOKLAD-ADDRESS")}
        wrong = {**b.session.credentials, "address": "http://nobody.invalid"}
        assert codes(checked(b, credentials=wrong)) == {"address": ("fail", "SPJ-NET-NAME")}
        b.simulator.fail(Fault.MAINTENANCE, match="token")
        assert codes(checked(b)) == {"address": ("fail", "SPJ-IDOKLAD-ADDRESS")}
        b.simulator.fail(Fault.ERROR_BEFORE, match="token")
        assert codes(checked(b)) == {"login": ("fail", "SPJ-IDOKLAD-DOWN")}


def test_a_chosen_series_that_is_gone_fails() -> None:
    with box(loaded=False, settings={"series_credit_note": "5"}) as b:
        assert codes(checked(b)) == {"series": ("fail", "SPJ-IDOKLAD-SERIES-GONE")}
    with box(loaded=False) as b:
        b.simulator.state["series"] = [
            one for one in b.simulator.state["series"] if one["DocumentType"] != 0
        ]
        assert codes(checked(b)) == {"series": ("fail", "SPJ-IDOKLAD-NO-SERIES")}


def test_lists_that_cannot_be_read_are_rows_and_no_exceptions() -> None:
    for match, row in (("Numeric", "series"), ("Bank", "bank_account"), ("Default", "rights")):
        with box(loaded=False) as b:
            b.simulator.fail(Fault.ERROR_BEFORE, match=match)
            rows = checked(b)
            assert codes(rows) == {row: ("fail", "SPJ-IDOKLAD-DOWN")}
            assert [one.key for one in rows] == ROWS


# load


def test_load_reads_what_settings_offer() -> None:
    with box(settings={}) as b:
        loaded = b.session.loaded
        assert {(c.id, c.kind, c.default) for c in loaded.series} == {
            ("5", "invoice", True),
            ("6", "invoice", False),
            ("7", "proforma", True),
            ("8", "credit_note", True),
        }
        assert [(c.currency, c.default) for c in loaded.bank_accounts] == [
            ("CZK", True),
            ("EUR", False),
        ]
        assert [c.name for c in loaded.payment_methods][:2] == ["Převodem", "Kartou"]
        assert (loaded.vat_mode, loaded.currencies[:2]) == ("payer", ("BGN", "CHF"))
        assert loaded.contacts_complete
        assert json.loads(json.dumps(loaded.facts)) == loaded.facts
        assert Facts.of(loaded).kept() == {
            name: loaded.facts[name] for name in Facts.of(loaded).kept()
        }


def test_code_lists_and_all_contacts_are_read_once_a_day() -> None:
    with box() as b:
        b.create(document())
        reload(b)
        first = b.asked()
        assert not any("VatRates" in one or "Recount" in one for one in first)
        assert first.count("GET /v3/Contacts") == 1
        other = customer(email="petr@example.com")
        b.create(document(number="1002", customer=other))
        known = len(b.session.loaded.contacts)
        b.session = replace(b.session, now=NOW + timedelta(hours=1))
        assert len(reload(b).contacts) == known + 1
        b.asked()
        b.session = replace(b.session, now=NOW + timedelta(hours=30))
        reload(b)
        assert {"GET /v3/VatRates", "POST /v3/IssuedInvoices/Recount"} <= set(b.asked())


def test_more_contacts_than_are_read_are_known_to_be_incomplete() -> None:
    with box(per_minute=10_000) as b:
        row = {"CompanyName": "x", "CountryId": 2, "Metadata": {"DateLastChange": "2026-03-01"}}
        b.simulator.state["contacts"] = [
            {**row, "Id": 10_000 + at, "Note": f"spojka-{at}"} for at in range(5_001)
        ]
        b.session = replace(b.session, now=NOW + timedelta(hours=30))
        loaded = reload(b)
        assert (len(loaded.contacts), loaded.contacts_complete) == (5_000, False)


class Told(MemoryBudget):
    """A budget that remembers also the limits that it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[int, int, int | None]] = []

    def observe(
        self,
        remaining: int,
        reset: datetime | timedelta | None = None,
        *,
        seconds: int,
        limit: int | None = None,
    ) -> None:
        self.told.append((remaining, seconds, limit))


@pytest.mark.parametrize(("plan", "calls"), [(2, 7_500), (3, 75_000)])
def test_the_month_is_the_plans(plan: int, calls: int) -> None:
    with box(loaded=False, plan=plan) as b:
        budget = Told()
        SYSTEM.load(b.with_(budget=budget))
        assert set(budget.told) == {(calls, MONTH, calls)}


def test_what_is_left_of_a_minute_is_learnt_where_it_is_told() -> None:
    with box(rate_headers=True, per_minute=200) as b:
        b.create(document())
        budget = b.session.budget
        assert isinstance(budget, MemoryBudget)
        minute = [left for left, seconds in budget.observed if seconds == MINUTE]
        assert minute == sorted(minute, reverse=True)
        assert 0 < minute[-1] < 200


UP, DOWN, EVEN = ROUND_HALF_UP, ROUND_HALF_DOWN, ROUND_HALF_EVEN
NAMES = {"up": UP, "down": DOWN, "even": EVEN}


@pytest.mark.parametrize("cuts", [False, True])
@pytest.mark.parametrize("vat_by", ["item", "summary"])
@pytest.mark.parametrize("gross", ["up", "down", "even"])
@pytest.mark.parametrize("net", ["up", "down", "even"])
def test_how_the_agenda_computes_is_found_out(
    gross: str, net: str, vat_by: str, cuts: bool
) -> None:
    with box(ties=[gross, net], vat_by=vat_by, cuts_unit_price=cuts) as b:
        how = Facts.of(b.session.loaded).arithmetic
        assert how.kept() == {
            "out_of_gross": NAMES[gross],
            "on_net": NAMES[net],
            "by_row": vat_by == "item",
            "cuts_price": cuts,
        }
        assert b.simulator.books() == []


@pytest.mark.parametrize("fault", [Fault.ERROR_BEFORE, Fault.EMPTY_SUCCESS, Fault.MAINTENANCE])
def test_where_recounting_is_refused_the_usual_way_is_taken(fault: Fault) -> None:
    with box(loaded=False, ties=["down", "down"]) as b:
        b.simulator.fail(fault, match="Recount")
        loaded = reload(b)
        assert Facts.of(loaded).arithmetic.out_of_gross == UP
        assert b.create(document()).number == "20260001"


# tokens and limits


def test_an_ended_token_is_fetched_again_once() -> None:
    with box() as b:
        b.simulator.fail(Fault.UNAUTHORIZED, match="POST /v3/IssuedInvoices")
        assert b.create(document()).number == "20260001"
        b.simulator.fail(Fault.UNAUTHORIZED, match="POST /v3/IssuedInvoices", times=2)
        with pytest.raises(RejectedError) as error:
            b.create(document(number="1002"))
        assert (error.value.problem.code, error.value.rejection) == (
            "SPJ-IDOKLAD-TOKEN",
            Rejection.CONFIG,
        )


def test_a_limit_says_when_it_ends() -> None:
    with box() as b:
        b.simulator.fail(Fault.LIMIT, match="IssuedInvoices", retry_after="7")
        with pytest.raises(ThrottledError) as error:
            b.create(document())
        assert error.value.until == NOW + timedelta(seconds=7)
        b.simulator.fail(Fault.LIMIT, match="IssuedInvoices")
        with pytest.raises(ThrottledError) as error:
            b.create(document())
        assert error.value.until == NOW + timedelta(seconds=60)
        date = "Mon, 02 Mar 2026 09:31:00 GMT"
        b.simulator.fail(Fault.LIMIT, match="IssuedInvoices", retry_after=date)
        with pytest.raises(ThrottledError) as error:
            b.create(document())
        assert error.value.until == NOW + timedelta(seconds=60)
        assert b.create(document()).number == "20260001"


def test_no_secret_is_recorded() -> None:
    with box() as b:
        b.create(document())
        tokens = set(b.simulator.state["tokens"])
        secrets = {b.simulator.account["client_secret"], *tokens}
        assert tokens
        assert not [secret for secret in secrets if secret in repr(b.exchanges)]


def test_the_newer_login_is_used_where_there_is_an_application() -> None:
    with box(plain_login=False) as b:
        b.create(document())
        paths = {line for line in b.simulator.requests if "token" in line}
        assert paths <= {"POST /server/v2/connect/token"}


# errors

ERROR_CODES = {
    101: "DEPENDENCY", 102: "DEPENDENCY", 103: "DEPENDENCY", 104: "PROFORMA-ACCOUNTED",
    105: "HAS-CREDIT-NOTE", 106: "HAS-PAYMENT", 107: "EXPORTED", 108: "EXPORTED",
    109: "DEPENDENCY", 110: "ALREADY-PAID", 111: "OFFSET", 112: "PROFORMA-ACCOUNTED",
    113: "NOT-PAID", 114: "DEPENDENCY", 115: "DEPENDENCY", 116: "EMAIL-FAILED",
    117: "DEPENDENCY", 119: "OSS", 120: "ATTACHMENT", 121: "AGENDA", 122: "EMAIL-LIMIT",
    123: "NUMBER-TAKEN", 124: "AGENDA", 125: "AGENDA", 126: "API-FORBIDDEN", 127: "VAT-RATE",
    128: "PROFORMA-ACCOUNTED", 129: "ALREADY-PAID", 130: "PROFORMA-TAXED",
    131: "PROFORMA-ACCOUNTED", 132: "PROFORMA-TAXED", 133: "PROFORMA-ACCOUNTED",
    134: "PROFORMA-ACCOUNTED", 135: "PROFORMA-TAXED", 136: "LOCKED", 137: "PAIRING",
    138: "PAIRING", 139: "PAIRING", 140: "PAIRING", 141: "PAIRING", 142: "LOCKED",
    143: "NO-CASH-REGISTER", 144: "NO-ACCOUNT-CURRENCY", 145: "PAIRING", 146: "PAIRING",
    147: "PAIRING", 148: "VAT-RATE", 149: "LOCKED", 150: "VAT-RATE", 151: "VAT-RATE",
    152: "AGENDA", 153: "AGENDA", 154: "AGENDA", 155: "AGENDA", 156: "ATTACHMENT",
    159: "ATTACHMENT", 160: "ATTACHMENT", 161: "ATTACHMENT", 162: "ATTACHMENT",
    163: "ATTACHMENT", 164: "ATTACHMENT", 400: "REFUSED", 420: "RIGHTS", 600: "PLAN",
}  # fmt: skip
"""All values of their enumeration ``DokladErrorCode`` but 0 (none) and 500 (system)."""


def failed(status: int, body: Any, path: str = "POST /v3/IssuedInvoices") -> OutcomeError:
    """Return what becomes of an answer to the request that makes an invoice."""
    with box() as b:
        usual = b.simulator.answer

        def answer(asked: Any) -> Answer:
            if asked.line != path:
                return usual(asked)
            if isinstance(body, str):
                return Answer.html(body, status)
            return Answer.json(body, status)

        b.answer(answer)
        with pytest.raises(OutcomeError) as error:
            b.create(document())
        return error.value


def envelope(code: int, status: int = 400, said: str = "Chyba.") -> dict[str, Any]:
    return {
        "Data": None,
        "IsSuccess": False,
        "Message": said,
        "ErrorCode": code,
        "StatusCode": status,
    }


def auth_error(said: str) -> dict[str, str]:
    return {"error": "invalid_grant", "error_description": said}


def problem_of(status: int, body: Any, operation: str) -> str:
    """Return the code of an answer, and prove that it speaks to people."""
    text = body if isinstance(body, str) else json.dumps(body)
    error = BOOK.outcome(Response(status, {}, text.encode(), ""), operation, write=True)
    assert error.problem.code != UNMAPPED
    for language in catalogue.LANGUAGES:
        shown = catalogue.explain(error.problem, language)
        assert not set("{}<>") & set(shown.cause + shown.fix), shown
    return error.problem.code.removeprefix("SPJ-IDOKLAD-")


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("code", [c for c in ERROR_CODES if c != 123])
def test_every_error_code_is_a_refusal_with_a_message_of_its_own(code: int, status: int) -> None:
    error = failed(status, envelope(code, status, "Podrobnosti. " * 60))
    assert error.problem.code == f"SPJ-IDOKLAD-{ERROR_CODES[code]}"
    assert isinstance(error, (RejectedError, ThrottledError))
    assert "{" not in error.technical


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (200, envelope(0, 200), RejectedError, "REFUSED"),
        (200, envelope(0, 404), RejectedError, "NOT-FOUND"),
        (200, {"IsSuccess": True, "Data": None}, UncertainError, "UNREADABLE"),
        (200, {"IsSuccess": True, "Data": {"Id": "?"}}, UncertainError, "UNREADABLE"),
        (200, {"Data": {"Id": 1}}, UncertainError, "UNREADABLE"),
        (200, "<html><body>Údržba</body></html>", UncertainError, "UNREADABLE"),
        (200, "[]", UncertainError, "UNREADABLE"),
        (200, "", UncertainError, "UNREADABLE"),
        (302, "", UncertainError, "UNREADABLE"),
        (500, envelope(500, 500), UncertainError, "BROKE"),
        (200, envelope(500, 500), UncertainError, "BROKE"),
        (502, "<html>Bad gateway</html>", UncertainError, "BROKE"),
        (503, "", UncertainError, "BROKE"),
        (402, envelope(600, 402), RejectedError, "PLAN"),
        (402, "", RejectedError, "PLAN"),
        (403, envelope(0, 403, "Manual downgrade required"), RejectedError, "PLAN-DOWNGRADE"),
        (403, "", RejectedError, "RIGHTS"),
        (405, "UnsupportedApiVersion", RejectedError, "VERSION"),
        (406, "", RejectedError, "VERSION"),
        (400, {"title": "One or more validation errors occurred."}, RejectedError, "REFUSED"),
        (429, "", ThrottledError, "LIMIT"),
    ],
)
def test_what_an_answer_to_a_write_means(
    status: int, body: Any, kind: type[OutcomeError], code: str
) -> None:
    error = failed(status, body)
    assert (type(error), error.problem.code) == (kind, f"SPJ-IDOKLAD-{code}")


@pytest.mark.parametrize("body", ["<html>Údržba</html>", "", "{}", '{"IsSuccess": true}'])
@pytest.mark.parametrize("status", [200, 500, 503])
def test_a_read_that_told_nothing_is_read_again(status: int, body: str) -> None:
    with box() as b:
        issued = b.create(document())
        b.answer(lambda _asked: Answer(status, body.encode()))
        with pytest.raises(UnavailableError):
            SYSTEM.read(b.session, issued.external_id, document().kind)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, {"error": "invalid_client"}, "LOGIN"),
        (401, {"error": "invalid_client"}, "LOGIN"),
        (401, "", "LOGIN"),
        (400, {"error": "invalid_request", "error_description": "application_id"}, "APPLICATION"),
        (400, {"error": "unauthorized_client"}, "APPLICATION"),
        (400, {"error": "invalid_scope"}, "SCOPE"),
        (400, auth_error("AuthErrorCode(0) - Agenda has Free status."), "PLAN-FREE"),
        (
            400,
            auth_error("AuthErrorCode(1) - Agenda has NeedToDowngrade status."),
            "PLAN-DOWNGRADE",
        ),
        (400, auth_error("AuthErrorCode(2) - Agenda has Expired status."), "PLAN-EXPIRED"),
        (404, "<html>404</html>", "ADDRESS"),
        (429, "", "LIMIT"),
        (503, "<html>Service Unavailable</html>", "DOWN"),
        (200, {"error": "temporarily_unavailable"}, "UNREADABLE"),
    ],
)
def test_what_a_refused_login_means(status: int, body: Any, code: str) -> None:
    assert problem_of(status, body, "token") == code


@pytest.mark.parametrize("operation", ["create_contact", "update_contact"])
def test_a_refused_contact_names_the_customer(operation: str) -> None:
    assert problem_of(400, envelope(400), operation) == "CONTACT"


def test_the_table_is_whole() -> None:
    book = ErrorBook.of("spojka.accounting.idoklad")
    known = {entry.code for entry in book.entries}
    assert {rule.code for rule in book.rules} <= known
    assert all(entry.code.startswith("SPJ-IDOKLAD-") for entry in book.entries)
    assert all(entry.link.startswith("https://") for entry in book.entries if entry.link)
