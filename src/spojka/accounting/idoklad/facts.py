"""What *Load data* read of an agenda, as later operations need it: ids, rates, rounding.

It is kept as JSON in ``LoadedData.facts``; here is its one reader and its one writer. Where nothing
was ever loaded (``spojka preview``), ids are not known: what can be done without them still works.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from spojka.accounting.contract import LoadedData
from spojka.accounting.idoklad.arithmetic import USUAL, Arithmetic
from spojka.accounting.idoklad.codes import ROUNDING_STEPS, Rounding, VatRateType
from spojka.core.money import ZERO, parse_amount, quantize
from spojka.core.outcome import RejectedError, Rejection
from spojka.core.paying import Way, way_of
from spojka.core.problem import Problem

_FORM = 1
"""Of what is kept; changes with its fields, so that what an older version kept is loaded anew."""


@dataclass(frozen=True, slots=True)
class PaymentOption:
    """A way of paying in the agenda."""

    id: int
    name: str
    rounded: bool = False
    """Documents paid so are rounded, where the agenda rounds by the way of paying."""
    default: bool = False


@dataclass(frozen=True, slots=True)
class VatRate:
    """A rate of a country while it is valid, both days included."""

    country: int
    rate: Decimal
    type: int
    since: date
    until: date


@dataclass(frozen=True, slots=True)
class Series:
    """A number series and the last number used in it when it was loaded."""

    type: int
    year: int
    last: int
    default: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """The agenda. ``known`` is false where nothing was loaded."""

    known: bool = False
    country: str = ""
    """Whose law the agenda is under: CZ or SK."""
    currency: str = ""
    """The agenda's own."""
    registration: int | None = None
    oss: bool = False
    rounding: int = Rounding.NEVER.value
    arithmetic: Arithmetic = USUAL
    price_decimals: int = 2
    amount_decimals: int = 2
    currencies: Mapping[str, int] = field(default_factory=dict)
    countries: Mapping[str, int] = field(default_factory=dict)
    options: tuple[PaymentOption, ...] = ()
    rates: tuple[VatRate, ...] = ()
    series: Mapping[str, Series] = field(default_factory=dict)
    accounts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Fields of a bank account as documents want them, by its id; with ``CurrencyId``."""
    reverse_charge: Mapping[str, int] = field(default_factory=dict)
    constant_symbols: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, loaded: LoadedData) -> Facts:
        """Read what was loaded."""
        kept = loaded.facts
        if kept.get("form") != _FORM:
            return cls()  # never loaded, or by another version
        return cls(
            known=True,
            country=kept["country"],
            currency=kept["currency"],
            registration=kept["registration"],
            oss=kept["oss"],
            rounding=kept["rounding"],
            arithmetic=Arithmetic.of(kept["arithmetic"]),
            price_decimals=kept["price_decimals"],
            amount_decimals=kept["amount_decimals"],
            currencies=kept["currencies"],
            countries=kept["countries"],
            options=tuple(PaymentOption(*row) for row in kept["options"]),
            rates=tuple(_rate(row) for row in kept["rates"]),
            series={key: Series(*row) for key, row in kept["series"].items()},
            accounts=kept["accounts"],
            reverse_charge=kept["reverse_charge"],
            constant_symbols=kept["constant_symbols"],
        )

    def kept(self) -> dict[str, Any]:
        """Return the same as JSON."""
        return {
            "form": _FORM,
            "country": self.country,
            "currency": self.currency,
            "registration": self.registration,
            "oss": self.oss,
            "rounding": self.rounding,
            "arithmetic": self.arithmetic.kept(),
            "price_decimals": self.price_decimals,
            "amount_decimals": self.amount_decimals,
            "currencies": dict(self.currencies),
            "countries": dict(self.countries),
            "options": [[o.id, o.name, o.rounded, o.default] for o in self.options],
            "rates": [
                [r.country, str(r.rate), r.type, r.since.isoformat(), r.until.isoformat()]
                for r in self.rates
            ],
            "series": {
                key: [one.type, one.year, one.last, one.default] for key, one in self.series.items()
            },
            "accounts": {key: dict(one) for key, one in self.accounts.items()},
            "reverse_charge": dict(self.reverse_charge),
            "constant_symbols": dict(self.constant_symbols),
        }

    def currency_id(self, code: str) -> int | None:
        """Return the id of a currency; ``None`` where nothing was loaded.

        Raises:
            RejectedError: the agenda has no such currency.
        """
        return self._id(self.currencies, code, "SPJ-IDOKLAD-CURRENCY", currency=code)

    def country_id(self, code: str) -> int | None:
        """Return the id of a country; ``None`` where nothing was loaded.

        Raises:
            RejectedError: iDoklad has no such country.
        """
        return self._id(self.countries, code, "SPJ-IDOKLAD-COUNTRY", country=code or "?")

    def _id(self, ids: Mapping[str, int], key: str, problem: str, **facts: str) -> int | None:
        if not self.known:
            return None
        if key not in ids:
            raise RejectedError(Problem.of(problem, **facts), Rejection.DATA)
        return ids[key]

    def rate_type(self, country: str, rate: Decimal, on: date) -> int | None:
        """Return which of a country's rates this is; ``None`` where nothing was loaded.

        Raises:
            RejectedError: it is none of them on that day.
        """
        if rate == 0:
            return VatRateType.ZERO
        if not self.known:
            return None
        country_id = self.countries.get(country)
        for one in self.rates:
            if one.country == country_id and one.rate == rate and one.since <= on <= one.until:
                return one.type
        problem = Problem.of(
            "SPJ-IDOKLAD-RATE", rate=f"{rate.normalize():f}", country=country, date=on.isoformat()
        )
        raise RejectedError(problem, Rejection.DATA)

    def payment_option(self, method: str, title: str, chosen: str = "") -> PaymentOption | None:
        """Return the agenda's way of paying for the shop's; ``None`` where nothing was loaded.

        A gateway is paid by card, as far as iDoklad is concerned. ``chosen`` (an id) is taken where
        the shop's names tell nothing.
        """
        way = way_of(method, title)
        for wanted in (way, Way.CARD if way in {Way.GATEWAY, Way.PAYPAL} else None):
            for option in self.options if wanted is not None else ():
                if way_of(option.name) is wanted:
                    return option
        for option in self.options:
            if str(option.id) == chosen:
                return option
        return next((one for one in self.options if one.default), next(iter(self.options), None))

    def own_rounding(self, total: Decimal, currency: str, option: PaymentOption | None) -> Decimal:
        """Return the rounding item that iDoklad will add to a document by itself."""
        by_payment = self.rounding == Rounding.BY_PAYMENT and option is not None and option.rounded
        if self.rounding != Rounding.ALWAYS and not by_payment:
            return ZERO
        step = ROUNDING_STEPS.get(currency) if currency == self.currency else None
        if step is None:
            return ZERO
        return quantize(total / step, 0) * step - total

    def series_for(self, type_: int, chosen: str) -> str | None:
        """Return the id of the series to number with: the chosen one, or the default.

        Raises:
            RejectedError: there is none, or the chosen one numbers another kind.
        """
        if not self.known:
            return chosen or None
        fitting = {key: one for key, one in self.series.items() if one.type == type_}
        if chosen:
            if chosen in fitting:
                return chosen
            problem = Problem.of("SPJ-IDOKLAD-SERIES-GONE", series=chosen)
            raise RejectedError(problem, Rejection.CONFIG)
        for key, one in fitting.items():
            if one.default:
                return key
        if fitting:
            return next(iter(fitting))
        raise RejectedError(Problem.of("SPJ-IDOKLAD-NO-SERIES"), Rejection.CONFIG)


def needed(id_: int | None) -> int:
    """Return an id that nothing can be sent without.

    Raises:
        RejectedError: nothing was loaded yet, so that no ids are known.
    """
    if id_ is None:
        raise RejectedError(Problem.of("SPJ-IDOKLAD-NOT-LOADED"), Rejection.CONFIG)
    return id_


def rate_of(row: Mapping[str, Any]) -> VatRate | None:
    """Read a row of the code list of VAT rates; ``None`` where it makes no sense."""
    try:
        return _rate(
            [
                row["CountryId"],
                str(parse_amount(row["Rate"])),
                row["RateType"],
                str(row["DateValidityFrom"])[:10],
                str(row["DateValidityTo"])[:10],
            ]
        )
    except (KeyError, ValueError):
        return None


def _rate(row: Iterable[Any]) -> VatRate:
    country, rate, type_, since, until = row
    return VatRate(
        int(country),
        Decimal(rate),
        int(type_),
        date.fromisoformat(since),
        date.fromisoformat(until),
    )
