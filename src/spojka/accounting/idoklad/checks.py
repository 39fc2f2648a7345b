"""The checklist of an iDoklad connection: five calls and a login; nothing is written there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from spojka.accounting import checklist
from spojka.accounting.contract import Session
from spojka.accounting.idoklad import loading, reading
from spojka.accounting.idoklad.client import Api, Json
from spojka.accounting.idoklad.codes import RESOURCES, Plan, Rounding, number
from spojka.core.descriptor import Check
from spojka.core.document import Kind, VatMode
from spojka.core.outcome import OutcomeError
from spojka.core.problem import Problem

LINKS = {
    "home": "https://app.idoklad.cz/",
    "api_keys": "https://app.idoklad.cz/Setting/LogonUser",
    "plan": "https://app.idoklad.cz/Billing/MySubscription",
    "settings": "https://app.idoklad.cz/Setting/Application",
    "developer": "https://developer.idoklad.cz/",
}
"""Pages that public sources name; what has no address of its own there leads to the settings."""

_REFUSED_FOR_PLAN = frozenset(
    {"SPJ-IDOKLAD-PLAN-FREE", "SPJ-IDOKLAD-PLAN-DOWNGRADE", "SPJ-IDOKLAD-PLAN-EXPIRED",
     "SPJ-IDOKLAD-PLAN"}
)  # fmt: skip
_LET_IN = frozenset({"SPJ-IDOKLAD-NOT-FOUND", "SPJ-IDOKLAD-REFUSED"})
"""Refusals of an agenda that is not set up yet: the user was let in."""
_PLAN_ENDS = timedelta(days=14)


def verify(s: Session) -> Iterator[Check]:
    """Yield the rows in their order; a failed login ends them."""
    api = Api(s)
    host = api.identity.split("/")[2]
    error: OutcomeError | None = None
    home: Json = {}
    try:
        home = loading.agenda(api, s)
    except OutcomeError as failed:
        error = failed
    if error is not None and _is_elsewhere(s, error):
        problem = Problem.of("SPJ-IDOKLAD-ADDRESS", host=host)
        yield checklist.fail("address", problem, error.technical)
        return
    yield from checklist.reached(error, host)
    if not checklist.was_reached(error):
        return
    if error is not None and error.problem.code in _REFUSED_FOR_PLAN:
        yield checklist.ok("login", link=LINKS["api_keys"])
        yield checklist.fail("plan", error.problem, error.technical, link=LINKS["plan"])
        return
    if error is not None:
        yield checklist.fail("login", error.problem, error.technical, link=LINKS["api_keys"])
        return
    yield checklist.ok("login", link=LINKS["api_keys"])
    yield _company(s, home)
    yield _plan(s, home)
    yield from _rights(api)
    yield _series(api, s)
    yield _bank_account(api)
    yield _vat_mode(s, home)
    yield from _readable("read", api, "list", "IssuedInvoices", pageSize="1")


def _is_elsewhere(s: Session, error: OutcomeError) -> bool:
    """Tell whether something else than iDoklad answered, where the address was changed."""
    if error.problem.code == "SPJ-IDOKLAD-ADDRESS":
        return True
    changed = bool(s.credentials.get("address", "").strip())
    return changed and error.problem.code == "SPJ-IDOKLAD-UNREADABLE"


def _company(s: Session, home: Json) -> Check:
    contact = home.get("Contact")
    found = contact.get("IdentificationNumber") if isinstance(contact, Mapping) else ""
    theirs = "".join(str(found or "").split())
    detail = ", ".join(part for part in (str(home.get("Name") or ""), theirs) if part)
    ours = "".join(s.seller.company_id.split()) if s.seller else ""
    if ours and theirs and ours != theirs:
        problem = Problem.of("SPJ-IDOKLAD-OTHER-COMPANY", theirs=theirs, ours=ours)
        return checklist.warn("company", problem, detail, link=LINKS["settings"])
    return checklist.ok("company", detail, link=LINKS["settings"])


def _plan(s: Session, home: Json) -> Check:
    plan = loading.plan_of(home)
    detail = Plan(plan).name.title() if plan in set(Plan) else ""
    if plan in {Plan.FREE, Plan.BASIC}:
        problem = Problem.of("SPJ-IDOKLAD-PLAN", plan=detail)
        return checklist.fail("plan", problem, detail, link=LINKS["plan"])
    subscription = home.get("Subscription")
    ends = subscription.get("DateTo") if isinstance(subscription, Mapping) else None
    last = reading.day(ends)
    if last is not None and last - s.now.date() <= _PLAN_ENDS:
        problem = Problem.of("SPJ-IDOKLAD-PLAN-ENDS", date=last.isoformat())
        return checklist.warn("plan", problem, detail, link=LINKS["plan"])
    return checklist.ok("plan", detail, link=LINKS["plan"])


def _series(api: Api, s: Session) -> Check:
    link = LINKS["settings"]
    try:
        rows = list(api.pages("list", "NumericSequences"))
    except OutcomeError as error:
        return checklist.fail("series", error.problem, error.technical, link=link)
    by_type: dict[int | None, list[str]] = {}
    for row in rows:
        by_type.setdefault(number(row.get("DocumentType")), []).append(str(row.get("Id")))
    for kind, place in RESOURCES.items():
        chosen = s.settings.get(f"series_{kind}", "")
        if chosen and chosen not in by_type.get(place.sequence, []):
            problem = Problem.of("SPJ-IDOKLAD-SERIES-GONE", series=chosen)
            return checklist.fail("series", problem, link=link)
    if RESOURCES[Kind.INVOICE].sequence not in by_type:
        return checklist.fail("series", Problem.of("SPJ-IDOKLAD-NO-SERIES"), link=link)
    ours = {place.sequence for place in RESOURCES.values()}
    names = [str(row.get("Name")) for row in rows if number(row.get("DocumentType")) in ours]
    return checklist.ok("series", ", ".join(names), link=link)


def _bank_account(api: Api) -> Check:
    link = LINKS["settings"]
    try:
        rows = list(api.pages("list", "BankAccounts"))
    except OutcomeError as error:
        return checklist.fail(
            "bank_account", error.problem, error.technical, link=link, necessary=False
        )
    if not rows:
        return checklist.warn("bank_account", Problem.of("SPJ-IDOKLAD-NO-ACCOUNT"), link=link)
    names = ", ".join(str(row.get("Name") or row.get("Iban") or "") for row in rows)
    return checklist.ok("bank_account", names, link=link)


def _vat_mode(s: Session, home: Json) -> Check:
    theirs, link = loading.vat_mode(home), LINKS["settings"]
    detail = theirs.value if theirs else ""
    ours = s.seller.vat_mode if s.seller else None
    if theirs is not None and ours is not None and theirs is not ours:
        if theirs is VatMode.PAYER:
            return checklist.fail(
                "vat_mode", Problem.of("SPJ-IDOKLAD-VAT-PAYER"), detail, link=link
            )
        if ours is VatMode.PAYER:
            return checklist.fail(
                "vat_mode", Problem.of("SPJ-IDOKLAD-VAT-NON-PAYER"), detail, link=link
            )
        return checklist.warn(
            "vat_mode", Problem.of("SPJ-IDOKLAD-VAT-IDENTIFIED"), detail, link=link
        )
    if number(home.get("RoundingDifference")) == Rounding.ALWAYS:
        problem = Problem.of("SPJ-IDOKLAD-ROUNDS-ALL")
        return checklist.warn("vat_mode", problem, detail, link=link)
    return checklist.ok("vat_mode", detail, link=link)


def _rights(api: Api) -> Iterator[Check]:
    """Ask for a new invoice's defaults: who may not issue is refused these already."""
    for row in _readable("rights", api, "rights", "IssuedInvoices/Default"):
        let_in = row.problem is not None and row.problem.code in _LET_IN
        yield checklist.ok("rights") if let_in else row


def _readable(row: str, api: Api, operation: str, path: str, **params: str) -> Iterator[Check]:
    try:
        api.get(operation, path, **params)
    except OutcomeError as error:
        yield checklist.fail(row, error.problem, error.technical, link=LINKS["settings"])
    else:
        yield checklist.ok(row)
