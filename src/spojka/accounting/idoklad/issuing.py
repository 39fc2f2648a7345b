"""Making a document exactly once: its number is reserved before it is sent.

iDoklad takes no key of ours, but no serial number twice (``ErrorCode`` 123). The number is kept
under the document's key until the document is known to exist or to be refused; whatever happens
between, the same number is sent again. Besides, a short key in the description can be searched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spojka.accounting.contract import Issued, Reservations, Session
from spojka.accounting.idoklad import customers, mapping, reading
from spojka.accounting.idoklad.client import Api, Json, contains, equals, error_code, is_gone
from spojka.accounting.idoklad.codes import Code, ItemType, number
from spojka.accounting.idoklad.facts import Facts
from spojka.core.document import Document, Kind
from spojka.core.outcome import OutcomeError, RejectedError, Rejection, UnavailableError
from spojka.core.problem import Problem

_MOST_NUMBERS = 5
"""How many numbers are tried that others took before us."""
_ACCOUNTED = frozenset(
    {Code.PROFORMA_ACCOUNTED, Code.ALREADY_ACCOUNTED, Code.POSTED_ACCOUNTED, Code.PUT_ACCOUNTED}
)


def create(api: Api, s: Session, d: Document, key: str, facts: Facts) -> Issued:
    """Make the document, or find that it was made."""
    if not facts.known:
        raise RejectedError(Problem.of("SPJ-IDOKLAD-NOT-LOADED"), Rejection.CONFIG)
    body = mapping.document(s, d, key, facts)
    if d.deductions:
        try:
            body["Items"] += _deductions(api, d)
        except RejectedError as error:
            return _made_there(api, d, facts, error)
    series = series_of(s, d, facts)
    for attempt in range(2):
        contact = customers.partner(api, s, d, facts)
        try:
            return _numbered(api, s, d, key, facts, series, {**body, "PartnerId": contact})
        except RejectedError as error:
            if error.problem.code == "SPJ-IDOKLAD-CONTACT-GONE" and attempt == 0:
                customers.forget(s, contact)
                continue
            if error_code(error) in _ACCOUNTED and d.deductions:
                return _made_there(api, d, facts, error)
            raise
    raise AssertionError("the second attempt returns or raises")


def find(api: Api, s: Session, d: Document, key: str, facts: Facts) -> Issued | None:
    """Find the document made under ``key``: by the key in its description, then by its number.

    Raises:
        UnavailableError: its number is used, and what uses it is not shown yet.
    """
    place = mapping.resource(d.kind)
    short = mapping.short_key(key)
    for data in api.pages("look_up", place.path, most=1, filter=contains("Description", short)):
        if mapping.key_in(data.get("Description")) == short:
            return reading.issued(data, d.kind, facts)
    serial = _reservations(s).reserved(key)
    series = series_of(s, d, facts)
    if serial is None or series is None:
        return None
    used, _free = _number(api, d, series, serial)
    if used is None:
        return None
    found = _by_number(api, d, used, facts)
    return found if _is_ours(found, d, key) else None


def series_of(s: Session, d: Document, facts: Facts) -> str | None:
    """Return the id of the series: the rule's own, else the connection's, else the default."""
    chosen = dict(d.texts).get("series") or s.settings.get(f"series_{d.kind}", "")
    return facts.series_for(mapping.resource(d.kind).sequence, chosen)


def _numbered(
    api: Api, s: Session, d: Document, key: str, facts: Facts, series: str | None, body: Json
) -> Issued:
    assert series is not None  # facts are known
    name = f"{series}:{d.issued_on.year}"
    known = facts.series[series]
    last = known.last if known.year == d.issued_on.year else 0
    reservations, place = _reservations(s), mapping.resource(d.kind)
    # A number that this document was sent with before is sent again, whatever was loaded since:
    # it may be this very document that uses it.
    tried = reservations.reserved(key) is not None
    serial = reservations.reserve(name, key, 0 if tried else last)
    for _number_tried in range(_MOST_NUMBERS):
        sent = {**body, "NumericSequenceId": int(series), "DocumentSerialNumber": serial}
        try:
            data = api.made("create", "POST", place.path, sent)
        except RejectedError as error:
            if error_code(error) != Code.NUMBER_TAKEN:
                if not tried:  # else an earlier try may have used it after all
                    reservations.give_back(key)
                raise
            used, free = _number(api, d, series, serial)
            if used is None:
                # It is taken and it is free: one of both is not up to date.
                raise _not_visible(str(serial)) from None
            found = _by_number(api, d, used, facts)
            if _is_ours(found, d, key):
                return found
            # Somebody numbered a document there meanwhile. The number is theirs for good.
            last = max(serial, free - 1)
            serial = reservations.reserve(name, key, last)
            continue
        return reading.issued(data, d.kind, facts)
    raise UnavailableError(Problem.of("SPJ-IDOKLAD-NUMBERS", series=series, number=last))


def _number(api: Api, d: Document, series: str, serial: int) -> tuple[str | None, int]:
    """Ask about a serial number: the document number that uses it, and the next free serial."""
    data = api.record(
        "numbers",
        f"NumericSequences/DocumentNumbers/{mapping.resource(d.kind).sequence}",
        date=d.issued_on.isoformat(),
        documentSerialNumber=str(serial),
        numericSequenceId=series,
    )
    custom, unique = data.get("Custom"), data.get("Unique")
    if not isinstance(custom, Mapping) or not isinstance(unique, Mapping):
        raise UnavailableError(Problem.of("SPJ-IDOKLAD-UNREADABLE"))
    free = number(unique.get("DocumentSerialNumber")) or serial + 1
    used = None if custom.get("IsUnique") is True else str(custom.get("DocumentNumber") or "")
    return used, free


def _by_number(api: Api, d: Document, document_number: str, facts: Facts) -> Issued:
    """Return the document of a number that is used.

    Raises:
        UnavailableError: it is not shown yet; nothing may be concluded from that.
    """
    path = mapping.resource(d.kind).path
    filter_ = equals("DocumentNumber", document_number)
    for data in api.pages("look_up", path, most=1, filter=filter_):
        if data.get("DocumentNumber") == document_number:
            return reading.issued(data, d.kind, facts)
    raise _not_visible(document_number)


def _not_visible(document_number: str) -> UnavailableError:
    return UnavailableError(Problem.of("SPJ-IDOKLAD-NOT-VISIBLE", number=document_number))


def _is_ours(found: Issued, d: Document, key: str) -> bool:
    """Tell whether a document of our number is ours: by key, or by order where it has none."""
    if found.key:
        return found.key == mapping.short_key(key)
    return bool(d.order_number) and found.order_number == mapping.order_number(d)


def _deductions(api: Api, d: Document) -> list[dict[str, Any]]:
    """Return the items that take the paid proforma off, as iDoklad itself prefills them."""
    proforma = mapping.proforma_id(d)
    data = api.record("account", f"ProformaInvoices/{proforma}/Account")
    items = data.get("Items")
    found = [
        {name: value for name, value in item.items() if name != "Id" and value is not None}
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, Mapping) and number(item.get("ItemType")) == ItemType.REDUCE
    ]
    if not found:
        raise UnavailableError(Problem.of("SPJ-IDOKLAD-UNREADABLE"))
    return found


def _made_there(api: Api, d: Document, facts: Facts, error: RejectedError) -> Issued:
    """Return the final invoice that somebody made of the proforma in iDoklad itself.

    Raises:
        RejectedError: there is none, so that the refusal was about something else.
    """
    if error_code(error) not in _ACCOUNTED:
        raise error
    proforma = api.record("read", f"ProformaInvoices/{mapping.proforma_id(d)}")
    made = number(proforma.get("AccountedByInvoiceId"))
    if not made:
        raise error
    try:
        data = api.record("read", f"IssuedInvoices/{made}")
    except OutcomeError as missing:
        if is_gone(missing):
            raise error from None
        raise
    return reading.issued(data, Kind.INVOICE, facts)


def _reservations(s: Session) -> Reservations:
    if s.reservations is None:
        raise TypeError("iDoklad needs a session with reservations of numbers")
    return s.reservations
