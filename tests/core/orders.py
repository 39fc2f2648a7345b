"""Orders for tests: made by hand, or generated the way shops compute them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal

from hypothesis import strategies as st

from spojka.core.build import Request
from spojka.core.document import Kind
from spojka.core.order import Address, Customer, LineKind, Order, OrderLine
from spojka.core.profile import Profile, sample

MOMENT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TODAY = date(2026, 11, 20)
CZ = Customer(address=Address(name="Jan Novák", country="CZ"), email="jan@example.com")


def line(
    key: str = "1",
    net: str = "100.00",
    tax: str = "21.00",
    rate: str | None = "21",
    quantity: str = "1",
    kind: LineKind = LineKind.PRODUCT,
) -> OrderLine:
    """Return a row."""
    return OrderLine(
        key=key,
        kind=kind,
        name=f"Row {key}",
        quantity=Decimal(quantity),
        net=Decimal(net),
        tax=Decimal(tax),
        rate=None if rate is None else Decimal(rate),
    )


def order(*lines: OrderLine, **changes: object) -> Order:
    """Return a paid Czech consumer's order; its total is the sum of its rows unless given."""
    values: dict[str, object] = {
        "external_id": "1",
        "number": "2026001",
        "status": "processing",
        "currency": "CZK",
        "total": sum((row.gross for row in lines), Decimal(0)),
        "created_at": MOMENT,
        "customer": CZ,
        "lines": lines,
        "total_tax": sum((row.tax for row in lines), Decimal(0)),
    }
    return Order(**{**values, **changes})  # type: ignore[arg-type]


def payer(country: str = "CZ", **changes: object) -> Profile:
    """Return the profile of a VAT payer."""
    from dataclasses import replace

    profile = replace(sample(country), auto_vat=False)
    return replace(profile, **changes)  # type: ignore[arg-type]


def request(kind: Kind = Kind.INVOICE, **changes: object) -> Request:
    """Return a request made on the day of the order."""
    return Request(kind=kind, uuid="00000000-0000-4000-8000-000000000001", now=MOMENT, **changes)  # type: ignore[arg-type]


def _round(amount: Decimal, places: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


@st.composite
def generated_orders(draw: st.DrawFn) -> Order:
    """Generate orders as shops compute them: prices with VAT, discounts, fees, odd currencies."""
    currency, places = draw(st.sampled_from([("CZK", 2), ("EUR", 2), ("CZK", 0), ("HUF", 2)]))
    rates = [Decimal(21), Decimal(12), Decimal(0), None]
    rows: list[OrderLine] = []
    for at in range(draw(st.integers(1, 8))):
        rate = draw(st.sampled_from(rates[:2] if at == 0 else rates))
        quantity = draw(st.integers(1, 40))
        unit = draw(st.decimals("0.01", "5000", places=2))
        discount = draw(st.sampled_from([0, 0, 10, 33, 50, 100]))
        gross = _round(unit * quantity * (100 - discount) / 100, places)
        percent = rate or Decimal(0)
        net = _round(gross / (1 + percent / 100), places)
        kind = draw(st.sampled_from([LineKind.PRODUCT, LineKind.SHIPPING, LineKind.FEE]))
        rows.append(
            OrderLine(str(at), kind, f"Row {at}", Decimal(quantity), net, gross - net, rate)
        )
    if draw(st.booleans()):
        # A negative fee that takes a share of each rate, as WooCommerce stores it.
        for rate in {row.rate for row in rows if row.rate}:
            gross = sum((row.gross for row in rows if row.rate == rate), Decimal(0))
            off = _round(gross * draw(st.integers(0, 40)) / 100, places)
            net = _round(off / (1 + rate / 100), places)
            rows.append(
                OrderLine("fee", LineKind.FEE, "Discount", Decimal(1), -net, net - off, rate)
            )
    return order(*rows, currency=currency)
