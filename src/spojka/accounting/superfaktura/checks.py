"""The checklist of a connection to SuperFaktura."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from spojka.accounting import checklist
from spojka.accounting.contract import Choice, Session
from spojka.accounting.superfaktura import lists
from spojka.accounting.superfaktura.client import Api, filtered
from spojka.accounting.superfaktura.reading import Json, text
from spojka.core.descriptor import Check, CheckStatus
from spojka.core.document import Kind, VatMode
from spojka.core.outcome import OutcomeError
from spojka.core.problem import Problem

_PREFIX = "SPJ-SUPERFAKTURA-"
_PLAN = _PREFIX + "PLAN"
_RIGHTS = frozenset({_PREFIX + "RIGHTS", _PREFIX + "GUEST"})
_NO_SUCH = frozenset({_PREFIX + "GONE", _PREFIX + "BAD-DATA"})
_NOT_THEIRS = frozenset(
    {_PREFIX + "ADDRESS", _PREFIX + "NOT-JSON", _PREFIX + "NOT-THERE", "SPJ-UNMAPPED"}
)


class Checklist:
    """Runs the rows in their order; what one row found out is used by the next."""

    def __init__(self, s: Session) -> None:
        self._s = s
        self._api = Api(s)

    def rows(self) -> Iterator[Check]:
        """Yield the rows; those that cannot be looked at after a failure are left out."""
        found, error = _tried(lambda: lists.companies(self._api))
        if error is not None and error.problem.code in _NOT_THEIRS:
            problem = self._problem("ADDRESS")
            yield checklist.fail("address", problem, error.technical, link=self._link())
            return
        yield from checklist.reached(error, self._api.host, link=self._link())
        if not checklist.was_reached(error):
            return
        if error is not None and error.problem.code == _PLAN:
            yield checklist.ok("login", self._login)
            yield checklist.fail("plan", error.problem, error.technical, link=self._link())
            return
        if error is not None:
            link = self._link("/api_access")
            yield checklist.fail("login", error.problem, error.technical, link=link)
            return
        yield checklist.ok("login", self._login)
        company, row = self._company(found or {})
        yield row
        if row.status is CheckStatus.FAIL:
            return
        # There is no question for the plan: without it nothing is answered at all.
        yield checklist.ok("plan")
        yield self._rights()
        yield self._series()
        yield self._bank_account()
        yield self._vat_mode(company)
        yield self._read()

    @property
    def _login(self) -> str:
        return self._s.credentials.get("email", "")

    def _link(self, path: str = "") -> str:
        return self._api.base + path

    def _problem(self, name: str, **facts: object) -> Problem:
        return Problem.of(_PREFIX + name, host=self._api.host, **facts)

    def _company(self, companies: Mapping[str, Json]) -> tuple[Json, Check]:
        chosen = self._s.credentials.get("company_id", "").strip()
        link = self._link("/api_access")
        names = ", ".join(f"{text(c.get('company_name'))} ({id_})" for id_, c in companies.items())
        if (chosen and chosen not in companies) or not companies:
            problem = self._problem("COMPANY", company=chosen or "–", companies=names or "–")
            return {}, checklist.fail("company", problem, link=link)
        if not chosen and len(companies) > 1:
            problem = self._problem("COMPANY-CHOOSE", companies=names)
            return {}, checklist.fail("company", problem, link=link)
        company = companies[chosen] if chosen else next(iter(companies.values()))
        theirs = "".join(text(company.get("ico")).split())
        detail = " ".join(filter(None, (text(company.get("company_name")), theirs)))
        ours = "".join(self._s.seller.company_id.split()) if self._s.seller else ""
        if ours and theirs and ours.lstrip("0") != theirs.lstrip("0"):
            problem = self._problem("OTHER-COMPANY", ours=ours, theirs=theirs)
            return company, checklist.warn("company", problem, detail, link=link)
        return company, checklist.ok("company", detail, link=link)

    def _rights(self) -> Check:
        """Ask to edit a document that cannot exist: who may not edit is told so."""
        link = self._link("/users/edit_profile/settings")
        body = {"Invoice": {"id": 0}}
        _answer, error = _tried(lambda: self._api.post("rights", "/invoices/edit", body))
        if error is None or error.problem.code in _NO_SUCH:
            return checklist.ok("rights")
        if error.problem.code in _RIGHTS:
            return checklist.fail("rights", error.problem, error.technical, link=link)
        return checklist.warn("rights", self._problem("RIGHTS-UNKNOWN"), error.technical, link=link)

    def _series(self) -> Check:
        link = self._link("/sequences")
        series, error = _tried(lambda: lists.series(self._api))
        if error is not None:
            return checklist.fail("series", error.problem, error.technical, link=link)
        found: Sequence[Choice] = series or ()
        known = {choice.id for choice in found}
        for kind in (Kind.INVOICE, Kind.PROFORMA, Kind.CREDIT_NOTE):
            chosen = self._s.settings.get(f"series_{kind.value}", "")
            if chosen and chosen not in known:
                return checklist.fail("series", self._problem("SERIES-GONE"), chosen, link=link)
        if not any(choice.kind == Kind.INVOICE for choice in found):
            return checklist.fail("series", self._problem("NO-SERIES"), link=link)
        shown = [choice.name for choice in found if choice.kind]
        return checklist.ok("series", ", ".join(shown), link=link)

    def _bank_account(self) -> Check:
        link = self._link("/bank_accounts")
        accounts, error = _tried(lambda: lists.bank_accounts(self._api))
        if error is not None:
            return checklist.fail(
                "bank_account", error.problem, error.technical, link=link, necessary=False
            )
        chosen = self._s.settings.get("bank_account", "")
        if chosen and chosen not in {choice.id for choice in accounts or ()}:
            return checklist.fail("bank_account", self._problem("ACCOUNT-GONE"), chosen, link=link)
        if not accounts:
            return checklist.warn("bank_account", self._problem("NO-BANK-ACCOUNT"), link=link)
        return checklist.ok("bank_account", ", ".join(c.detail or c.name for c in accounts))

    def _vat_mode(self, company: Json) -> Check:
        link = self._link("/users/edit_profile")
        theirs = lists.vat_mode(company)
        seller = self._s.seller
        shown = text(company.get("ic_dph"))
        if seller is None or not theirs:
            return checklist.ok("vat_mode", shown, link=link)
        # An identified person is no payer at home.
        ours_pays, theirs_pays = seller.vat_mode is VatMode.PAYER, theirs == VatMode.PAYER
        if ours_pays is theirs_pays:
            return checklist.ok("vat_mode", shown, link=link)
        name = "PAYS-THERE" if theirs_pays else "PAYS-HERE"
        return checklist.fail("vat_mode", self._problem(name), link=link)

    def _read(self) -> Check:
        path = filtered("/invoices/index.json", listinfo=1, created=0, per_page=1)
        answer, error = _tried(lambda: self._api.get("list", path))
        if error is not None:
            return checklist.fail("read", error.problem, error.technical)
        count = text(answer.get("itemCount")) if isinstance(answer, Mapping) else ""
        return checklist.ok("read", count)


def _tried(action: Any) -> tuple[Any, OutcomeError | None]:
    try:
        return action(), None
    except OutcomeError as error:
        return None, error
