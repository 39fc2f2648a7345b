"""Exchange rates of documents in a foreign currency.

Which day's rate: a table is published in the afternoon of a working day, so that on the day itself
it is not there yet for most of what is issued. The rate of a document is therefore that of the last
table published *before* its day:

* Czechia (§ 4 par. 8 and § 38 Act 235/2004): the rate of the Czech National Bank valid for the day
  for the one who converts, which by the common practice is the previous working day's;
* Slovakia (§ 26 Act 222/2004): the reference rate of the European Central Bank published on the day
  before the tax liability arises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from lxml import etree

from spojka.companies.models import Company
from spojka.core.document import ExchangeRate
from spojka.core.outcome import UnavailableError
from spojka.core.problem import Problem
from spojka.documents.models import RateOfDay
from spojka.net import xml
from spojka.net.client import Client, Response

MANUAL = "manual"
CNB = "cnb"
ECB = "ecb"
HOME = {CNB: "CZK", ECB: "EUR"}
"""The currency that each published source quotes against."""

# Addresses as the banks publish them (cnb.cz › Exchange rates › TXT; ecb.europa.eu › Euro
# foreign exchange reference rates › XML).
CNB_URL = (
    "https://www.cnb.cz/cs/financni-trhy/devizovy-trh/kurzy-devizoveho-trhu/"
    "kurzy-devizoveho-trhu/denni_kurz.txt"
)
ECB_DAILY_URL = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml"
ECB_RECENT_URL = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist-90d.xml"

LONGEST_PAUSE = timedelta(days=10)
"""Banks pause for six days at most (Christmas): an older table means that one was not read."""

_CURRENCY = re.compile(r"[A-Z]{3}")
_CNB_HEAD = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4}) #\d+")
_CNB_COLUMNS = "země|měna|množství|kód|kurz"
_PLACES = Decimal("0.000001")
_LARGEST = Decimal(10) ** 8


class TableError(ValueError):
    """What was read is not a table of exchange rates."""


@dataclass(frozen=True, slots=True)
class PublishedRate:
    """``amount`` of ``currency`` cost ``rate`` of the source's home currency."""

    currency: str
    valid_on: date
    amount: int
    rate: Decimal


def rate_for(company: Company, currency: str, on: date) -> ExchangeRate | None:
    """Return the rate at which a document of a day is converted to the company's currency.

    First comes what the company entered by hand: for exactly this day or, where the company enters
    all its rates by hand, the last one entered for this day or before. Then the company's source
    (see the module). Nothing is fetched here; :func:`refresh` does that.

    Returns:
        The rate; ``None`` where the document is in the home currency, or where no rate is known.
    """
    if currency == company.currency:
        return None
    rates = RateOfDay.objects.filter(home=company.currency, currency=currency)
    by_hand = rates.filter(company=company)
    if company.rate_source == MANUAL:
        found = by_hand.filter(valid_on__lte=on).order_by("-valid_on").first()
    else:
        found = by_hand.filter(valid_on=on).first() or (
            rates.filter(
                company=None,
                source=company.rate_source,
                valid_on__lt=on,
                valid_on__gte=on - LONGEST_PAUSE,
            )
            .order_by("-valid_on")
            .first()
        )
    if found is None:
        return None
    return ExchangeRate(
        home=found.home,
        rate=found.rate,
        amount=found.amount,
        source=found.source,
        valid_on=found.valid_on,
    )


def refresh(source: str, on: date, http: Client) -> int:
    """Read and keep the published rates that documents of a day need; returns how many are new.

    Args:
        source: ``cnb`` or ``ecb``.
        on: Day of the documents.
        http: The outgoing client.

    Raises:
        UnavailableError: the bank cannot be reached, or answers with something else than a table
            (``SPJ-EXCHANGE-RATE-ANSWER``: source).
        ValueError: the source is not known.
    """
    if source == CNB:
        day = on - timedelta(days=1)
        answer = http.request("GET", CNB_URL, params={"date": f"{day:%d.%m.%Y}"})
        return _keep(CNB, _read(CNB, answer), on)
    if source == ECB:
        rates = _read(ECB, http.request("GET", ECB_DAILY_URL))
        before = [rate.valid_on for rate in rates if rate.valid_on < on]
        if not before or on - max(before) > LONGEST_PAUSE:
            rates = _read(ECB, http.request("GET", ECB_RECENT_URL))
        return _keep(ECB, rates, on)
    raise ValueError(f"not a source of exchange rates: {source!r}")


def parse_cnb(text: str) -> list[PublishedRate]:
    """Read the daily table of the Czech National Bank (``denni_kurz.txt``).

    Its first line has the date and the table's number, the second the columns, each further one
    the amount, the code and the rate of a currency with a decimal comma.

    Raises:
        TableError: it is not such a table.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    head = _CNB_HEAD.fullmatch(lines[0]) if len(lines) > 2 else None
    if head is None or lines[1].lower() != _CNB_COLUMNS:
        raise TableError("not the daily table of the ČNB")
    try:
        valid_on = date(int(head[3]), int(head[2]), int(head[1]))
        return [_cnb_row(line, valid_on) for line in lines[2:]]
    except (ValueError, InvalidOperation) as error:
        raise TableError(f"not the daily table of the ČNB: {error}") from error


def _cnb_row(line: str, valid_on: date) -> PublishedRate:
    _, _, amount, currency, rate = line.split("|")
    return _checked(
        PublishedRate(currency, valid_on, int(amount), _decimal(rate.replace(",", ".")))
    )


def parse_ecb(content: bytes) -> list[PublishedRate]:
    """Read reference rates of the European Central Bank (``eurofxref-*.xml``), of one day or more.

    The bank tells how much of a currency one euro costs. That is turned around and told for a round
    amount of the currency large enough that its six decimals lose nothing that matters.

    Raises:
        TableError: it is not such a table.
    """
    try:
        root = xml.parse(content)
        days = [cube for cube in root.iter("{*}Cube") if cube.get("time")]
        rates = [rate for day in days for rate in _ecb_day(day)]
    except (ValueError, InvalidOperation) as error:
        raise TableError(f"not a table of the ECB: {error}") from error
    if not rates:
        raise TableError("not a table of the ECB")
    return rates


def _ecb_day(day: etree._Element) -> Iterator[PublishedRate]:
    valid_on = date.fromisoformat(day.get("time", ""))
    for row in day:
        per_euro = _decimal(row.get("rate", ""))
        if per_euro <= 0:
            raise ValueError("a rate that is not positive")
        amount = 1
        while amount / per_euro < 100:
            amount *= 10
        rate = (amount / per_euro).quantize(_PLACES, ROUND_HALF_UP)
        yield _checked(PublishedRate(row.get("currency", ""), valid_on, amount, rate))


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite() or value > _LARGEST:
        raise ValueError(f"not a rate: {text!r}")
    return value


def _checked(rate: PublishedRate) -> PublishedRate:
    if not _CURRENCY.fullmatch(rate.currency) or rate.amount < 1 or rate.rate <= 0:
        raise ValueError(f"not a rate: {rate.currency!r}")
    return rate


def _read(source: str, answer: Response) -> list[PublishedRate]:
    problem = Problem.of("SPJ-EXCHANGE-RATE-ANSWER", source="ČNB" if source == CNB else "ECB")
    if answer.status != 200:
        raise UnavailableError(problem, f"status {answer.status}")
    try:
        return parse_cnb(answer.text) if source == CNB else parse_ecb(answer.body)
    except TableError as error:
        raise UnavailableError(problem, str(error)[:200]) from error


def _keep(source: str, rates: list[PublishedRate], on: date) -> int:
    """Keep the tables near the day. A published rate never changes: one that is there stays."""
    wanted = [rate for rate in rates if on - LONGEST_PAUSE <= rate.valid_on <= on]
    days = {rate.valid_on for rate in wanted}
    there = set(
        RateOfDay.objects.filter(
            company=None, source=source, home=HOME[source], valid_on__in=days
        ).values_list("currency", "valid_on")
    )
    new = [rate for rate in wanted if (rate.currency, rate.valid_on) not in there]
    RateOfDay.objects.bulk_create(
        RateOfDay(
            home=HOME[source],
            currency=rate.currency,
            valid_on=rate.valid_on,
            amount=rate.amount,
            rate=rate.rate,
            source=source,
        )
        for rate in new
    )
    return len(new)
