"""A company's settings in the words of the core."""

from __future__ import annotations

from spojka.companies.models import Company
from spojka.core.dates import IssueDate, TaxableDate
from spojka.core.profile import Profile


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
        bank_accounts=tuple(account.core() for account in company.bank_accounts.all()),
        issued_by=company.issued_by,
    )
