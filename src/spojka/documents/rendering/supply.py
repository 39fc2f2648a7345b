"""What a document is towards VAT: is it a tax document, where do the goods go, in which currency
is its VAT declared."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from babel.numbers import get_territory_currencies

from spojka.core.document import Document, Kind, Treatment, VatRow
from spojka.core.money import ZERO, round_money
from spojka.core.problem import Problem
from spojka.core.tax import is_eu, is_rate


class RenderError(Exception):
    """A document cannot be rendered as wanted; ``problem`` says why, in terms of the catalogue."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.code}: {dict(problem.facts)}")
        self.problem = problem


def is_tax_document(document: Document) -> bool:
    """Tell whether the document carries VAT duties, so that the statutory VAT items belong on it.

    A proforma never does. Otherwise the lines tell: a non-payer's do not, but may where it
    declares VAT abroad (One Stop Shop); vouchers alone do not.
    """
    inside = {line.treatment for line in document.lines} - {
        Treatment.NOT_A_PAYER,
        Treatment.OUTSIDE_SCOPE,
    }
    return document.kind is not Kind.PROFORMA and bool(inside)


def shows_vat(document: Document) -> bool:
    """Tell whether prices are split into base and VAT: also on a payer's proforma."""
    return any(line.treatment is not Treatment.NOT_A_PAYER for line in document.lines)


def destination(document: Document) -> str:
    """Return the country that the supply goes to, in capitals; empty where nobody says."""
    if document.delivery is not None and document.delivery.country:
        return document.delivery.country.upper()
    return document.customer.address.country.upper()


def is_domestic(document: Document) -> bool:
    """Tell whether the supply stays in the seller's country; an unknown country counts as such."""
    return destination(document) in {"", document.seller.country.upper()}


def is_intra_community(document: Document) -> bool:
    """Tell whether goods go to a VAT-registered customer in another member state."""
    return (
        not is_domestic(document)
        and is_eu(destination(document), document.issued_on)
        and bool(document.customer.vat_id)
    )


def is_export(document: Document) -> bool:
    """Tell whether goods leave the European Union."""
    return not is_domestic(document) and not is_eu(destination(document), document.issued_on)


def oss_country(document: Document, rate: Decimal) -> str:
    """Return the member state whose VAT a One Stop Shop line carries.

    Shops compute by the delivery or by the billing address and do not say by which; the rate
    tells, and where it does not, the goods belong where they are delivered.
    """
    on = document.taxable_on or document.issued_on
    billing = document.customer.address.country.upper()
    for country in (destination(document), billing):
        if country and country != document.seller.country.upper() and is_rate(country, rate, on):
            return country
    return destination(document)


def home_currency(document: Document) -> str:
    """Return the currency in which the seller keeps books and declares VAT (CZK, EUR, …)."""
    if document.exchange_rate is not None and document.exchange_rate.home:
        return document.exchange_rate.home
    currencies = get_territory_currencies(document.seller.country.upper() or "CZ", tender=True)
    return currencies[0] if currencies else document.currency


def is_foreign(document: Document) -> bool:
    """Tell whether the document is in another currency than the seller's books."""
    return home_currency(document) != document.currency


def has_exchange_rate(document: Document) -> bool:
    """Tell whether amounts of a document in a foreign currency can be converted."""
    rate = document.exchange_rate
    return rate is not None and rate.rate > ZERO and rate.amount > 0


def at_home(document: Document, amount: Decimal) -> Decimal:
    """Convert an amount of the document into the home currency, rounded to its smallest unit.

    Raises:
        RenderError: SPJ-EXCHANGE-RATE-MISSING, the document is in a foreign currency and has no
            usable rate of exchange.
    """
    home = home_currency(document)
    if home == document.currency:
        return amount
    rate = document.exchange_rate
    if rate is None or not has_exchange_rate(document):
        day = document.taxable_on or document.issued_on
        raise RenderError(
            Problem.of("SPJ-EXCHANGE-RATE-MISSING", currency=document.currency, date=day)
        )
    return round_money(amount * rate.rate / rate.amount, home)


def remainder(full: Iterable[VatRow], claimed: Iterable[VatRow]) -> tuple[VatRow, ...]:
    """Subtract what tax documents on payment already declared, rate by rate."""
    rows: dict[tuple[Decimal, Treatment], VatRow] = {}
    signed = [(row, 1) for row in full] + [(row, -1) for row in claimed]
    for row, sign in signed:
        key = (row.rate, row.treatment)
        before = rows.get(key, VatRow(*key, ZERO, ZERO))
        rows[key] = VatRow(*key, before.net + sign * row.net, before.tax + sign * row.tax)
    return tuple(rows.values())


def asks_for_payment(document: Document) -> bool:
    """Tell whether the customer is to pay something on this document."""
    return document.kind in {Kind.INVOICE, Kind.PROFORMA} and document.amount_due > ZERO
