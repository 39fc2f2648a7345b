"""A company's settings in the words of the core."""

from __future__ import annotations

from collections.abc import Iterable

from spojka.companies.models import BankAccount, Company
from spojka.core.dates import IssueDate, TaxableDate
from spojka.core.profile import Profile
from spojka.database.prepared import Prepared

_BANK_ACCOUNTS = Prepared(lambda company_id: BankAccount.objects.filter(company_id=company_id), int)


def _bank_accounts(company: Company) -> Iterable[BankAccount]:
    """Return the accounts, which a simulation of many orders has read once for all."""
    read = getattr(company, "_prefetched_objects_cache", {}).get("bank_accounts")
    return _BANK_ACCOUNTS.all(company.pk) if read is None else read


def profile_of(company: Company) -> Profile:
    """Return how the company wants its documents made."""
    return Profile(
        seller=company.seller(),
        home_currency=company.currency,
        oss=company.oss,
        time_zone=company.time_zone,
        language=company.language,
        issue_date=IssueDate(company.issue_date),
        taxable_date=TaxableDate(company.taxable_date),
        due_days=company.due_days,
        due_days_by_payment={
            str(method): int(days) for method, days in company.due_days_by_payment.items()
        },
        allocate_refunds=company.refund_policy == Company.OnRefund.ALLOCATE,
        bank_accounts=tuple(account.core() for account in _bank_accounts(company)),
        issued_by=company.issued_by,
    )
