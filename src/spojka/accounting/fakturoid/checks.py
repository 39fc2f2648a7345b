"""The checklist of a connection to Fakturoid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from spojka.accounting.checklist import fail, ok, reached, warn, was_reached
from spojka.accounting.contract import Session
from spojka.accounting.fakturoid.client import Api, accounts, configured_slug, host
from spojka.accounting.fakturoid.descriptor import HOME
from spojka.accounting.fakturoid.loading import VAT_MODES, series
from spojka.accounting.fakturoid.reading import Json, amount, text
from spojka.core.descriptor import Check, CheckStatus
from spojka.core.outcome import OutcomeError
from spojka.core.problem import Problem

_READS_ONLY: Final = frozenset({"read", "readonly", "read_only"})
_BY_CODE: Final = {
    "SPJ-FAKTUROID-BLOCKED": "plan",
    "SPJ-FAKTUROID-PLAN": "plan",
    "SPJ-FAKTUROID-RIGHTS": "rights",
}
"""Rows that an error belongs to, wherever it was met."""


def verify(s: Session) -> Iterator[Check]:
    """Yield the rows, to the end or to what makes those after it impossible."""
    api = Api(s)
    settings = _settings(configured_slug(s))
    try:
        user = _login(api)
    except OutcomeError as error:
        yield from reached(error, host(s), link=settings)
        if was_reached(error):
            yield _failed("login", error, settings)
        return
    yield from reached(None, host(s))
    yield ok("login", text(user, "full_name") or text(user, "email"))
    chosen = s.credentials.get("slug", "").strip()
    account = _chosen(user, chosen)
    if isinstance(account, Problem):
        yield fail("company", account, link=HOME)
        return
    # The list of the login decides, not what was loaded before.
    api.choose(text(account, "slug"))
    yield from _account(api, s, account)


def _login(api: Api) -> Json:
    api.login()
    return api.user()


def _chosen(user: Json, slug: str) -> Json | Problem:
    found = accounts(user)
    slugs = ", ".join(text(row, "slug") for row in found)
    if not found:
        return Problem.of("SPJ-FAKTUROID-NO-ACCOUNT")
    if slug:
        mine = [row for row in found if text(row, "slug") == slug]
        return mine[0] if mine else Problem.of("SPJ-FAKTUROID-ACCOUNT-UNKNOWN", slug=slug)
    if len(found) > 1:
        return Problem.of("SPJ-FAKTUROID-ACCOUNT-CHOOSE", accounts=slugs)
    return found[0]


def _account(api: Api, s: Session, mine: Json) -> Iterator[Check]:
    settings = _settings(text(mine, "slug"))
    try:
        account = api.account()
    except OutcomeError as error:
        yield _failed("company", error, settings)
        return
    yield _company(s, account, settings)
    yield _plan(account, settings)
    rights = _rights(mine, settings)
    yield rights
    if rights.status is CheckStatus.FAIL:
        return
    for row, read in (("series", _series), ("bank_account", _bank_account)):
        try:
            yield read(api, s, settings)
        except OutcomeError as error:
            yield _failed(row, error, settings)
    yield _vat_mode(s, account, settings)
    try:
        api.rows("read", "invoices.json", {"page": "1"})
    except OutcomeError as error:
        yield _failed("read", error, settings)
    else:
        yield ok("read")


def _company(s: Session, account: Json, settings: str) -> Check:
    number = text(account, "registration_no")
    detail = " · ".join(part for part in (text(account, "name"), number) if part)
    ours = "".join(s.seller.company_id.split()) if s.seller else ""
    if ours and number and "".join(number.split()) != ours:
        problem = Problem.of("SPJ-FAKTUROID-OTHER-COMPANY", theirs=number, ours=ours)
        return warn("company", problem, detail, link=settings)
    return ok("company", detail, link=settings)


def _plan(account: Json, settings: str) -> Check:
    """Warn of the free plan: their documentation bars it from e-mail and webhooks."""
    plan, price = text(account, "plan"), amount(account, "plan_price")
    if price == 0:
        slug = text(account, "subdomain")
        return warn("plan", Problem.of("SPJ-FAKTUROID-PLAN-FREE", plan=plan, slug=slug), plan,
                    link=settings)  # fmt: skip
    return ok("plan", plan)


def _rights(mine: Json, settings: str) -> Check:
    permission, scope = text(mine, "permission"), mine.get("allowed_scope")
    may = not isinstance(scope, list) or "invoices" in scope
    detail = permission or ""
    if permission in _READS_ONLY or not may:
        slug = text(mine, "slug")
        return fail("rights", Problem.of("SPJ-FAKTUROID-RIGHTS", slug=slug), detail, link=settings)
    return ok("rights", detail)


def _series(api: Api, s: Session, settings: str) -> Check:
    found = series(api)
    slug = api.slug()
    if not found:
        return warn("series", Problem.of("SPJ-FAKTUROID-SERIES-UNREADABLE", slug=slug),
                    link=settings)  # fmt: skip
    known = {one.id for one in found}
    for kind in ("invoice", "proforma", "credit_note"):
        chosen = s.settings.get(f"series_{kind}", "")
        if chosen and chosen not in known:
            problem = Problem.of("SPJ-FAKTUROID-SERIES-GONE", kind=f"@{kind}", slug=slug)
            return fail("series", problem, link=settings)
    return ok("series", ", ".join(one.name for one in found))


def _bank_account(api: Api, s: Session, settings: str) -> Check:
    found = api.rows("bank_accounts", "bank_accounts.json")
    slug, link = api.slug(), f"{settings}/bank_accounts"
    if not found:
        return fail("bank_account", Problem.of("SPJ-FAKTUROID-BANK-ACCOUNT", slug=slug), link=link)
    chosen = s.settings.get("bank_account", "")
    if chosen and chosen not in {text(row, "id") for row in found}:
        problem = Problem.of("SPJ-FAKTUROID-BANK-ACCOUNT-GONE", slug=slug)
        return fail("bank_account", problem, link=link)
    return ok("bank_account", ", ".join(text(row, "name") for row in found))


def _vat_mode(s: Session, account: Json, settings: str) -> Check:
    theirs = VAT_MODES.get(text(account, "vat_mode"), "")
    ours = s.seller.vat_mode.value if s.seller else theirs
    detail = text(account, "vat_mode")
    if not theirs or theirs == ours:
        return ok("vat_mode", detail)
    slug = text(account, "subdomain")
    if "payer" not in {theirs, ours}:
        problem = Problem.of("SPJ-FAKTUROID-VAT-IDENTIFIED", slug=slug)
        return warn("vat_mode", problem, detail, link=settings)
    code = "SPJ-FAKTUROID-VAT-PAYER" if theirs == "payer" else "SPJ-FAKTUROID-VAT-NOT-PAYER"
    return fail("vat_mode", Problem.of(code, slug=slug), detail, link=settings)


def _failed(row: str, error: OutcomeError, link: str) -> Check:
    problem = error.problem
    if row == "login" and problem.code == "SPJ-FAKTUROID-ANSWER":
        # Later on that is a passing trouble; before the first login it is another server.
        problem = Problem("SPJ-FAKTUROID-ADDRESS", problem.facts)
    return fail(_BY_CODE.get(problem.code, row), problem, error.technical, link=link)


def _settings(slug: str) -> str:
    return f"{HOME}/{slug}/settings" if slug else HOME
