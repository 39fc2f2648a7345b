"""Keeps published exchange rates fresh, and takes up what was held for want of one."""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.utils import timezone

from spojka import engine
from spojka.companies.models import Company
from spojka.connections import calls
from spojka.core.dates import local_date
from spojka.core.outcome import OutcomeError
from spojka.documents import exchange
from spojka.documents.models import Document
from spojka.engine.registry import periodic

log = structlog.get_logger("spojka.documents")
MISSING = "SPJ-EXCHANGE-RATE-MISSING"


@periodic("rates.refresh", timedelta(hours=3))
def refresh() -> None:
    """Read the tables that companies use, then build what waits for a rate again."""
    for company in Company.objects.exclude(rate_source=exchange.MANUAL):
        if not needs_rates(company):
            continue
        today = local_date(timezone.now(), company.zone)
        try:
            with calls.client("rates", ()) as http:
                exchange.refresh(company.rate_source, today, http)
        except OutcomeError as error:
            log.warning("rates not read", source=company.rate_source, code=error.problem.code)
    take_up()


def needs_rates(company: Company) -> bool:
    """Tell whether the company has orders in a foreign currency; others need no table."""
    return company.orders.exclude(currency=company.currency).exists()


def take_up() -> None:
    """Have orders looked at again whose documents wait for an exchange rate."""
    held = Document.objects.filter(state=Document.State.HELD, problems__0__code=MISSING)
    for order_id, shop_id in held.values_list("order_id", "order__shop_id"):
        engine.wake("order", order_id, account=f"shop:{shop_id}")
