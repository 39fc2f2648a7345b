"""How an agenda computes, found out by asking it.

iDoklad documents no arithmetic, but it recounts: ``POST IssuedInvoices/Recount`` answers what items
would be worth, and saves nothing. A few items that are worth different sums by different ways of
rounding tell these apart, once a day with the code lists. Where recounting is refused, the usual
way is assumed: rows are rounded to cents half up, and the recapitulation sums the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any, Protocol

from spojka.accounting.idoklad.client import Api, Json
from spojka.accounting.idoklad.codes import ItemType, PriceType, VatRateType
from spojka.core.money import AmountError, parse_amount, quantize, total
from spojka.core.outcome import OutcomeError

PLACES = 2
_CENT = Decimal("0.01")
_HUNDRED = Decimal(100)

Sums = tuple[Decimal, Decimal]
"""Net and VAT."""


class Priced(Protocol):
    """An item whose row was computed."""

    @property
    def price_type(self) -> PriceType: ...
    @property
    def rate(self) -> Decimal: ...
    @property
    def net(self) -> Decimal: ...
    @property
    def tax(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A way of computing. The roundings are names of :mod:`decimal`, of VAT at half a cent."""

    out_of_gross: str = ROUND_HALF_UP
    """How VAT that is taken out of a price with VAT is rounded."""
    on_net: str = ROUND_HALF_UP
    """How VAT that is put on a price without VAT is rounded."""
    by_row: bool = True
    """The recapitulation sums the rows; else it computes VAT from the sum of each rate."""
    cuts_price: bool = False
    """Unit prices are cut to the agenda's decimals."""

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Arithmetic:
        """Read what :meth:`kept` returned."""
        return cls(**kept)

    def kept(self) -> dict[str, Any]:
        """Return the same as JSON."""
        return asdict(self)

    def split(self, price_type: PriceType, worth: Decimal, rate: Decimal) -> Sums:
        """Return net and VAT of an amount that is with VAT, or without."""
        if price_type is PriceType.WITH_VAT:
            tax = (worth * rate / (_HUNDRED + rate)).quantize(_CENT, self.out_of_gross)
            return worth - tax, tax
        return worth, (worth * rate / _HUNDRED).quantize(_CENT, self.on_net)

    def recapitulation(self, rows: Iterable[Priced]) -> dict[Decimal, Sums]:
        """Return net and VAT of each rate."""
        by_rate: dict[Decimal, list[Priced]] = {}
        for row in rows:
            by_rate.setdefault(row.rate, []).append(row)
        return {rate: self._sums(rate, group) for rate, group in by_rate.items()}

    def _sums(self, rate: Decimal, rows: Sequence[Priced]) -> Sums:
        net, tax = total(row.net for row in rows), total(row.tax for row in rows)
        if self.by_row:
            return net, tax
        gross = total(r.net + r.tax for r in rows if r.price_type is PriceType.WITH_VAT)
        base = total(r.net for r in rows if r.price_type is PriceType.WITHOUT_VAT)
        first = self.split(PriceType.WITH_VAT, gross, rate)
        second = self.split(PriceType.WITHOUT_VAT, base, rate)
        return first[0] + second[0], first[1] + second[1]


USUAL = Arithmetic()


@dataclass(frozen=True, slots=True)
class _Probe:
    price_type: PriceType
    rate_type: int
    unit_price: Decimal
    amount: int = 1


def measure(
    api: Api,
    rates: Mapping[int, Decimal],
    currency_id: int,
    option_id: int,
    on: date,
    decimals: int,
) -> Arithmetic:
    """Find out how the agenda computes.

    Args:
        api: Where to ask.
        rates: The agenda's own rates today, by their type.
        currency_id: Of the agenda's currency.
        option_id: Of a way of paying.
        on: Today.
        decimals: Of unit prices, as the agenda states them.
    """
    probes = _probes(rates, decimals)
    body = {
        "CurrencyId": currency_id,
        "PaymentOptionId": option_id,
        "DateOfTaxing": on.isoformat(),
        "DiscountPercentage": 0,
        "Items": [_item(at, probe) for at, probe in enumerate(probes.values(), start=1)],
    }
    try:
        data = api.recount(body)
    except OutcomeError:
        return USUAL
    answered = _answered(data, len(probes))
    if answered is None:
        return USUAL
    found = dict(zip(probes, answered, strict=True))
    return Arithmetic(
        out_of_gross=_rounding(found, "gross odd", "gross even", probes, rates),
        on_net=_rounding(found, "net odd", "net even", probes, rates),
        by_row=_by_row(data, found, probes, rates),
        cuts_price=_cuts_price(found),
    )


def _probes(rates: Mapping[int, Decimal], decimals: int) -> dict[str, _Probe]:
    """Return items that tell: at half a cent above an odd and an even number, by either price.

    Not every rate has such amounts: out of a price with VAT of 21 % no half cent ever comes.
    """
    probes: dict[str, _Probe] = {}
    for type_, rate in rates.items():
        for price_type, name in ((PriceType.WITH_VAT, "gross"), (PriceType.WITHOUT_VAT, "net")):
            for odd in (True, False):
                label = f"{name} {'odd' if odd else 'even'}"
                worth = _half_cent(price_type, rate, odd=odd)
                if worth is not None and label not in probes:
                    probes[label] = _Probe(price_type, type_, worth)
    basic = VatRateType.BASIC.value
    # Of 0.03 with VAT about half a cent is VAT: four make four cents by row, and two together.
    probes |= {f"small {at}": _Probe(PriceType.WITH_VAT, basic, Decimal("0.03")) for at in range(4)}
    fine = Decimal(1).scaleb(-decimals) * 4 / 10 + 1
    probes["fine"] = _Probe(PriceType.WITH_VAT, basic, fine, amount=1000)
    return probes


def _half_cent(price_type: PriceType, rate: Decimal, *, odd: bool) -> Decimal | None:
    """Return the least amount whose VAT is half a cent above an odd or even number of cents."""
    base = _HUNDRED + rate if price_type is PriceType.WITH_VAT else _HUNDRED
    for cents in range(1, 5000):
        tax = cents * rate
        if tax * 2 % base == 0 and tax * 2 // base % 4 == (3 if odd else 1):
            return Decimal(cents) * _CENT
    return None


def _item(at: int, probe: _Probe) -> dict[str, Any]:
    return {
        "Id": at,
        "Name": str(at),
        "Amount": probe.amount,
        "UnitPrice": probe.unit_price,
        "PriceType": probe.price_type.value,
        "VatRateType": probe.rate_type,
        "ItemType": ItemType.NORMAL.value,
        "DiscountPercentage": 0,
    }


def _answered(data: Json, count: int) -> list[Sums] | None:
    """Return net and VAT of each probe; ``None`` where the answer does not tell them."""
    items = data.get("Items")
    if not isinstance(items, list):
        return None
    by_id = {item.get("Id"): item for item in items if isinstance(item, Mapping)}
    try:
        prices = [by_id[at]["Prices"] for at in range(1, count + 1)]
        return [(parse_amount(p["TotalWithoutVat"]), parse_amount(p["TotalVat"])) for p in prices]
    except (KeyError, TypeError, AmountError):
        return None


def _rounding(
    found: Mapping[str, Sums],
    odd: str,
    even: str,
    probes: Mapping[str, _Probe],
    rates: Mapping[int, Decimal],
) -> str:
    """Return the way of rounding that gives the VAT of both probes at half a cent."""
    for way in (ROUND_HALF_UP, ROUND_HALF_DOWN, ROUND_HALF_EVEN):
        how = Arithmetic(out_of_gross=way, on_net=way)
        labels = [label for label in (odd, even) if label in found]
        if all(
            how.split(p.price_type, p.unit_price, rates[p.rate_type])[1] == found[label][1]
            for label in labels
            for p in (probes[label],)
        ):
            return way
    return ROUND_HALF_UP


def _by_row(
    data: Json,
    found: Mapping[str, Sums],
    probes: Mapping[str, _Probe],
    rates: Mapping[int, Decimal],
) -> bool:
    """Tell whether the recapitulation of the basic rate is the sum of its rows."""
    basic = VatRateType.BASIC.value
    rows = total(found[label][1] for label, probe in probes.items() if probe.rate_type == basic)
    prices = data.get("Prices")
    summary = prices.get("VatRateSummary") if isinstance(prices, Mapping) else None
    for row in summary if isinstance(summary, list) else []:
        if isinstance(row, Mapping) and row.get("VatRateType") == basic:
            try:
                return parse_amount(row.get("TotalVat")) == rows
            except AmountError:
                return True
    return True


def _cuts_price(found: Mapping[str, Sums]) -> bool:
    net, tax = found["fine"]
    return net + tax == quantize(_HUNDRED * 10, PLACES)
