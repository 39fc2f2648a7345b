"""The own issuer's register: the document, its number and its record in the archive are one thing.

All of :meth:`CompanyRegister.enter` is one transaction that holds the lock of the number series, so
that a number is either taken together with its document or not at all: there is no gap and no
duplicate, whoever is killed when.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Q, Sum
from django.utils import timezone

from spojka.accounting.contract import Choice, Issued, Payment
from spojka.archive import store
from spojka.companies.models import Company
from spojka.core import codec
from spojka.core.document import Document
from spojka.core.money import ZERO
from spojka.core.numbering import NumberFormat, Reset, SeriesError
from spojka.core.outcome import RejectedError, Rejection
from spojka.core.problem import Problem
from spojka.database.prepared import Prepared
from spojka.documents.models import Document as DocumentRow
from spojka.documents.models import (
    RegisterEntry,
    RegisterPayment,
    Series,
    SeriesCounter,
)

_SYMBOL_DIGITS = 10

_ENTERED = Prepared(
    lambda company_id, key, uuid: RegisterEntry.objects.filter(
        Q(key=key) | Q(uuid=uuid), company_id=company_id
    ),
    *(int, str, UUID),
)
_SERIES = Prepared(
    lambda company_id, kind: Series.objects.filter(
        company_id=company_id, kind=kind, active=True
    ).order_by("pk"),
    *(int, str),
)
_COUNTER = Prepared(
    lambda series_id, period: SeriesCounter.objects.filter(series_id=series_id, period=period),
    *(int, str),
)


class CompanyRegister:
    """The register of one company; implements :class:`spojka.accounting.contract.Register`."""

    def __init__(self, company: Company) -> None:
        self._company = company

    def enter(self, document: Document, key: str) -> Issued:
        """Enter a document under the next number of its series, once per key and per document.

        The series is the one whose id the document's texts name (``("series", "12")``), else the
        shop's active one of the document's kind, else the active one of the kind for any shop.

        Raises:
            RejectedError: ``SPJ-SERIES-MISSING`` (kind), or the series' format cannot be used
                (``SPJ-SERIES-FORMAT``, ``SPJ-SERIES-REPEATS``), or the number is taken by another
                series of the company (``SPJ-SERIES-NUMBER-TAKEN``: number, series).
        """
        try:
            return self._enter(document, key)
        except IntegrityError:
            # The database's last word: the number is used by another series, or the same document
            # was entered at the same moment by way of another series.
            entered = self._entered(document, key)
            if entered is None:
                raise self._taken(document) from None
            return self._issued(entered)

    def _enter(self, document: Document, key: str) -> Issued:
        with transaction.atomic():
            entered = self._entered(document, key)
            if entered is not None:
                return self._issued(entered)
            series = self._series_of(document)
            numbers = _format(series)
            period = numbers.period(document.issued_on)
            counter = take_counter(series, period)
            if connection.features.has_select_for_update:
                # Whoever waited for the series' lock may have been waiting for its own double. On
                # SQLite, one transaction is at work at a time anyway.
                entered = self._entered(document, key)
                if entered is not None:
                    return self._issued(entered)
            counter.last += 1
            number = numbers.render(counter.last, document.issued_on)
            counter.save(update_fields=["last"])
            content = codec.dump(document)
            entry = RegisterEntry.objects.create(
                company=self._company,
                key=key,
                uuid=UUID(document.uuid),
                kind=document.kind.value,
                series=series,
                period=period,
                counter=counter.last,
                number=number,
                issued_on=document.issued_on,
                content=content,
            )
            self._archive(
                entry,
                "issued",
                {
                    "key": key,
                    "series": series.name,
                    "period": period,
                    "counter": entry.counter,
                    "issued_on": document.issued_on.isoformat(),
                },
                content=_canonical(content),
            )
            return _issued(entry, document, ZERO)

    def find(self, key: str) -> Issued | None:
        """Return the document entered under ``key``, or ``None``."""
        entry = RegisterEntry.objects.filter(company=self._company, key=key).first()
        return None if entry is None else self._issued(entry)

    def record_payment(self, external_id: str, key: str, paid_on: date, amount: Decimal) -> Payment:
        """Record a payment of the document, once per key; ``amount`` is in its currency.

        Raises:
            RejectedError: ``SPJ-REGISTER-UNKNOWN`` or ``SPJ-REGISTER-CANCELLED`` (number).
        """
        with transaction.atomic():
            entry = self._locked(external_id)
            payment = RegisterPayment.objects.filter(entry=entry, key=key).first()
            if payment is None:
                if entry.cancelled_at is not None:
                    problem = Problem.of("SPJ-REGISTER-CANCELLED", number=entry.number)
                    raise RejectedError(problem, Rejection.PERMANENT)
                payment = RegisterPayment.objects.create(
                    entry=entry, key=key, paid_on=paid_on, amount=amount
                )
                facts = {"key": key, "paid_on": paid_on.isoformat(), "amount": format(amount, "f")}
                self._archive(entry, "paid", facts)
            return Payment(str(payment.pk), payment.paid_on, payment.amount)

    def remove_payment(self, external_id: str, key: str) -> None:
        """Take recorded payments back: the one recorded under ``key``, or else all, once per key.

        Nothing happens where there is none, and nothing more when it is repeated.

        Raises:
            RejectedError: ``SPJ-REGISTER-UNKNOWN``.
        """
        with transaction.atomic():
            entry = self._locked(external_id)
            done = entry.company.archive_entries.filter(
                subject=str(entry.uuid), kind="unpaid", facts__key=key
            )
            if done.exists():
                return
            own = Q(key=key) if entry.payments.filter(key=key).exists() else Q()
            removed = list(entry.payments.filter(own, removed_at=None).order_by("pk"))
            if not removed:
                return
            entry.payments.filter(pk__in=[payment.pk for payment in removed]).update(
                removed_at=timezone.now()
            )
            facts = {"key": key, "payments": [payment.key for payment in removed]}
            self._archive(entry, "unpaid", facts)

    def cancel(self, external_id: str, key: str) -> None:
        """Mark the document cancelled, once; its number stays taken.

        Raises:
            RejectedError: ``SPJ-REGISTER-UNKNOWN``.
        """
        with transaction.atomic():
            entry = self._locked(external_id)
            if entry.cancelled_at is None:
                entry.cancelled_at = timezone.now()
                entry.save(update_fields=["cancelled_at"])
                self._archive(entry, "cancelled", {"key": key})

    def series(self) -> Iterable[Choice]:
        """Return the company's active number series."""
        rows = Series.objects.filter(company=self._company, active=True).select_related("shop")
        return [
            Choice(
                id=str(row.pk),
                name=row.name,
                detail=f"{row.format} · {row.shop.name}" if row.shop else row.format,
                default=row.shop_id is None,
            )
            for row in rows
        ]

    def _entered(self, document: Document, key: str) -> RegisterEntry | None:
        return _ENTERED.first(self._company.pk, key, UUID(document.uuid))

    def _locked(self, external_id: str) -> RegisterEntry:
        try:
            uuid = UUID(external_id)
        except ValueError:
            uuid = None
        rows = RegisterEntry.objects.select_for_update().filter(company=self._company)
        entry = rows.filter(uuid=uuid).first() if uuid else None
        if entry is None:
            problem = Problem.of("SPJ-REGISTER-UNKNOWN", id=external_id)
            raise RejectedError(problem, Rejection.PERMANENT)
        return entry

    def _series_of(self, document: Document) -> Series:
        active = _SERIES.all(self._company.pk, document.kind.value)
        wanted = dict(document.texts).get("series", "")
        if wanted:
            found = next((row for row in active if str(row.pk) == wanted), None)
        else:
            shop = self._shop_of(document) if any(row.shop_id for row in active) else None
            own = (row for row in active if shop is not None and row.shop_id == shop)
            found = next(own, None) or next((row for row in active if row.shop_id is None), None)
        if found is None:
            # The value of the kind is a word of the catalogue, and is translated by it.
            problem = Problem.of("SPJ-SERIES-MISSING", kind=f"@{document.kind.value}")
            raise RejectedError(problem, Rejection.CONFIG)
        return found

    def _shop_of(self, document: Document) -> int | None:
        rows = DocumentRow.objects.filter(company=self._company, uuid=UUID(document.uuid))
        return rows.values_list("order__shop_id", flat=True).first()

    def _taken(self, document: Document) -> RejectedError:
        series = self._series_of(document)
        number = next_number(series, document.issued_on)
        problem = Problem.of("SPJ-SERIES-NUMBER-TAKEN", number=number, series=series.name)
        return RejectedError(problem, Rejection.CONFIG)

    def _issued(self, entry: RegisterEntry) -> Issued:
        paid = entry.payments.filter(removed_at=None).aggregate(sum=Sum("amount"))["sum"]
        return _issued(entry, codec.load(Document, entry.content), paid or ZERO)

    def _archive(
        self,
        entry: RegisterEntry,
        kind: str,
        facts: Mapping[str, object],
        content: bytes | None = None,
    ) -> None:
        store.append(
            self._company,
            kind=kind,
            subject=str(entry.uuid),
            number=entry.number,
            name=f"{entry.number}.json" if content else "",
            media_type="application/json" if content else "",
            content=content,
            facts=facts,
        )


def _issued(entry: RegisterEntry, document: Document, paid: Decimal) -> Issued:
    return Issued(
        external_id=str(entry.uuid),
        number=entry.number,
        variable_symbol=document.variable_symbol or symbol_of(entry.number),
        issued_on=entry.issued_on,
        total=document.total,
        vat=document.vat,
        currency=document.currency,
        paid_amount=paid,
        state="cancelled" if entry.cancelled_at else "issued",
    )


def take_counter(series: Series, period: str) -> SeriesCounter:
    """Return the counter of a period; the series stays locked until the transaction ends.

    The first period of a series begins with its first number (to go on where another system
    ended); every later one begins with 1.
    """
    # The lock is on the series, always and before anything else, so that nobody who makes the
    # counter of a new period can wait for somebody who uses one. It is one that rows which refer
    # to the series need not wait for ("no key"): they are inserted while it is held.
    if connection.features.has_select_for_update:
        Series.objects.select_for_update(no_key=True).get(pk=series.pk)
    counter = _COUNTER.first(series.pk, period)
    if counter is None:
        last = start_of(series) - 1
        counter = SeriesCounter.objects.create(series=series, period=period, last=last)
    return counter


def start_of(series: Series) -> int:
    """Return the number that the next period without a counter begins with."""
    begun = SeriesCounter.objects.filter(series=series).exists()
    return 1 if begun else max(series.first, 1)


def next_number(series: Series, on: date) -> str:
    """Return the number that a document issued on ``on`` would get now; nothing is taken.

    Raises:
        RejectedError: the series' format cannot be used.
    """
    numbers = _format(series)
    last = {counter.period: counter.last for counter in series.counters.all()}
    start = 1 if last else max(series.first, 1)
    return numbers.render(last.get(numbers.period(on), start - 1) + 1, on)


def symbol_of(number: str) -> str:
    """Return the variable symbol made of a document number: its last ten digits."""
    return re.sub(r"\D", "", number, flags=re.ASCII)[-_SYMBOL_DIGITS:]


def _format(series: Series) -> NumberFormat:
    try:
        return NumberFormat.parse(series.format, Reset(series.reset))
    except SeriesError as error:
        raise RejectedError(error.problem, Rejection.CONFIG) from error


def _canonical(content: object) -> bytes:
    """Write JSON so that the same document always makes the same bytes."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
