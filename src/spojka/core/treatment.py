"""How VAT treats the lines of an order, given who sells and where to.

A shop states rates, not reasons: an untaxed order of a non-payer, of a business in another member
state and of a customer abroad look alike. What tells them apart is the seller.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from spojka.core.document import Treatment, VatMode
from spojka.core.order import Order, OrderLine
from spojka.core.problem import Held, Problem
from spojka.core.profile import Profile
from spojka.core.tax import is_eu, is_rate


def destinations(order: Order) -> tuple[str, ...]:
    """Return the countries that the order's VAT may belong to, the likeliest first.

    Shops compute VAT by the delivery or by the billing address, and do not say by which.
    """
    countries = (order.country, order.customer.address.country)
    return tuple(dict.fromkeys(country for country in countries if country))


def has_foreign_vat_id(order: Order, home: str, on: date) -> bool:
    """Tell whether the customer has a VAT id of another member state."""
    prefix = order.customer.vat_id[:2].upper()
    country = "GR" if prefix == "EL" else prefix
    return country.isalpha() and country != home and is_eu(country, on)


def looks_like_payer(order: Order, home: str) -> bool:
    """Guess from one order whether the seller charges VAT at all."""
    if any(line.rate is not None for line in order.lines):
        return True
    on = order.created_at.date()
    leaves_eu = any(not is_eu(country, on) for country in destinations(order))
    return order.vat_exempt or leaves_eu or has_foreign_vat_id(order, home, on)


def with_vat_mode(profile: Profile, order: Order) -> Profile:
    """Return the profile with the VAT position decided, where it is to be read from the order."""
    if not profile.auto_vat:
        return profile
    payer = looks_like_payer(order, profile.seller.country)
    mode = VatMode.PAYER if payer else VatMode.NON_PAYER
    return replace(profile, auto_vat=False, seller=replace(profile.seller, vat_mode=mode))


def treat(order: Order, line: OrderLine, profile: Profile, on: date) -> Treatment:
    """Return how VAT treats ``line`` of ``order`` supplied on ``on``.

    Raises:
        Held: what the shop charged does not fit the seller; says what and how to mend it.
    """
    if profile.seller.vat_mode is not VatMode.PAYER:
        return _by_non_payer(order, line, profile, on)
    if line.rate is None:
        return _untaxed(order, line, profile, on)
    if line.rate == 0:
        return Treatment.ZERO
    return _taxed(order, line, profile, on)


def _by_non_payer(order: Order, line: OrderLine, profile: Profile, on: date) -> Treatment:
    if line.tax == 0 and not line.rate:
        return Treatment.NOT_A_PAYER
    if profile.oss and _is_foreign_rate(order, line, profile, on):
        # Who is no payer at home may still be registered for the One Stop Shop.
        return Treatment.OSS
    raise Held(Problem.of("SPJ-ORDER-VAT-NON-PAYER", order=order.number, rate=line.rate))


def _is_foreign_rate(order: Order, line: OrderLine, profile: Profile, on: date) -> bool:
    return any(
        country != profile.seller.country
        and is_eu(country, on)
        and _valid(country, line, order, on)
        for country in destinations(order)
    )


def _valid(country: str, line: OrderLine, order: Order, on: date) -> bool:
    """Tell whether the rate was valid when supplied, or when ordered before a change of rates."""
    assert line.rate is not None
    return is_rate(country, line.rate, on) or is_rate(country, line.rate, order.created_at.date())


def _taxed(order: Order, line: OrderLine, profile: Profile, on: date) -> Treatment:
    home = profile.seller.country
    at_home = _valid(home, line, order, on)
    abroad = _is_foreign_rate(order, line, profile, on)
    if abroad and (profile.oss or not at_home):
        if profile.oss is False:
            raise Held(
                Problem.of(
                    "SPJ-OSS-OFF",
                    rate=line.rate,
                    country=destinations(order)[0],
                    order=order.number,
                )
            )
        return Treatment.OSS
    if at_home:
        return Treatment.STANDARD
    raise Held(
        Problem.of(
            "SPJ-RATE-NOT-VALID",
            rate=line.rate,
            country=", ".join(dict.fromkeys((home, *destinations(order)))),
            date=on.isoformat(),
        )
    )


def _untaxed(order: Order, line: OrderLine, profile: Profile, on: date) -> Treatment:
    home = profile.seller.country
    if any(other.rate is not None for other in order.lines):
        # One untaxed row among taxed ones: a multi-purpose voucher, a donation, a deposit.
        return Treatment.OUTSIDE_SCOPE
    places = destinations(order)
    if has_foreign_vat_id(order, home, on) and (
        order.vat_exempt or any(place != home for place in places)
    ):
        return Treatment.REVERSE_CHARGE
    if places and not is_eu(places[0], on):
        return Treatment.EXEMPT
    if all(other.gross == 0 for other in order.lines):
        return Treatment.OUTSIDE_SCOPE
    if order.vat_exempt:
        raise Held(
            Problem.of(
                "SPJ-EXEMPT-NO-VAT-ID", order=order.number, country=places[0] if places else "?"
            )
        )
    raise Held(Problem.of("SPJ-ORDER-NO-VAT", order=order.number))
