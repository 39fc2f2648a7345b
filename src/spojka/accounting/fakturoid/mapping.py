"""Our document in Fakturoid's words: what ``create`` sends, and what becomes of it there.

Prices are sent with or without VAT, whichever makes Fakturoid compute the amounts of the document,
in total and per rate. Facts: API documentation, invoices and subjects (read in November 2026).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from spojka.accounting.contacts import names
from spojka.accounting.contract import Choice, Session, Totals
from spojka.accounting.fakturoid.arithmetic import Counting, Mode, Priced, Sums, compute
from spojka.core.document import Document, DocumentLine, Kind, Treatment, VatMode, VatRow
from spojka.core.money import ZERO, minor_units, quantize, total
from spojka.core.order import Address, Customer
from spojka.core.outcome import RejectedError, Rejection
from spojka.core.paying import Way, way_of
from spojka.core.problem import Problem

ROUNDING: Final = {"cs": "Zaokrouhlení", "sk": "Zaokrúhlenie", "en": "Rounding"}
"""Name of the line that rounds a total where Fakturoid is not asked to do it itself."""
FOLLOW_UP: Final = "final_invoice"
"""What follows a paid proforma by default: nothing by itself, the invoice is issued by Spojka."""

_LANGUAGES = {"cs": "cz", **{same: same for same in ("sk", "en", "de", "fr", "it", "es", "ru",
              "pl", "hu", "ro")}}  # fmt: skip
_TYPES = {
    Kind.INVOICE: "invoice",
    Kind.PROFORMA: "proforma",
    Kind.CREDIT_NOTE: "correction",
    Kind.TAX_DOCUMENT: "tax_document",
}
_WAYS = {
    Way.TRANSFER: "bank",
    Way.CARD: "card",
    Way.CASH: "cash",
    Way.ON_DELIVERY: "cod",
    Way.PAYPAL: "paypal",
}
_CUSTOM_WAY = 20
"""Characters of a payment method of one's own."""
_WITH_STATES = frozenset({"US", "CA", "AU"})
_REFERENCE = {
    "cs": "Číslo objednávky odběratele: {}",
    "sk": "Číslo objednávky odberateľa: {}",
    "en": "Customer's order number: {}",
}
_ITEM = {"cs": "Položka", "sk": "Položka", "en": "Item"}
_NOBODY = {"cs": "Zákazník", "sk": "Zákazník", "en": "Customer"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is sent."""

    name: str
    priced: Priced
    unit: str = ""
    whole: bool = False
    """The row's amount could not be told per piece: it is sent as one piece."""
    rounding: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """How a document is sent, and what Fakturoid computes from that."""

    mode: Mode
    lines: tuple[Line, ...]
    round_total: bool
    totals: Totals
    certainty: int
    """In how many of the possible ways of computing the totals are those of the document."""


def shape(s: Session, d: Document) -> Shape:
    """Choose the prices to be sent; where none makes the document's totals, the nearest ones.

    Prices with VAT go first: with them the total is right however VAT is computed.
    """
    learnt = s.loaded.facts.get("vat_ways") or ()
    ways = [way for way in Counting if way in learnt] or list(Counting)
    modes = (Mode.GROSS, Mode.NET) if is_taxed(s, d) else (Mode.NO_VAT,)
    shapes = [_shape(s, d, mode, ways) for mode in modes]
    return min(
        shapes,
        key=lambda one: (
            -one.certainty,
            abs(one.totals.total - d.total),
            _distance(one.totals, d),
            sum(line.whole for line in one.lines),
        ),
    )


def is_taxed(s: Session, d: Document) -> bool:
    """Tell whether Fakturoid computes VAT on the document."""
    if s.loaded.facts.get("vat_mode") == "non_vat_payer":
        return False
    return any(line.treatment is not Treatment.NOT_A_PAYER for line in d.lines)


def _shape(s: Session, d: Document, mode: Mode, ways: Sequence[Counting]) -> Shape:
    lines = [_line(line, mode, d) for line in d.lines if line.quantity or line.net or line.tax]
    goods = total(line.gross for line in d.lines)
    by_system = s.settings.get("rounding", "") != "line" and quantize(goods, 0) == d.total
    if d.rounding and not by_system:
        name = ROUNDING.get(d.language, ROUNDING["en"])
        lines.append(Line(name, Priced(Decimal(1), d.rounding, ZERO), rounding=True))
    round_total = bool(d.rounding) and by_system
    figures = [_figures(s, d, lines, mode, way, round_total) for way in ways]
    right = [found for found in figures if _is_right(found, d)]
    # Where more than one way is possible, the first decides: it is nearest to the documentation.
    certainty = len(right) if figures[0] in right else 0
    return Shape(mode, tuple(lines), round_total, figures[0], certainty)


def _line(line: DocumentLine, mode: Mode, d: Document) -> Line:
    amount = line.gross if mode is not Mode.NET else line.net
    quantity = abs(line.quantity) or Decimal(1)
    rate = ZERO if line.treatment is Treatment.REVERSE_CHARGE else line.rate
    name = line.name.strip() or line.sku or _ITEM.get(d.language, _ITEM["en"])
    unit_price = quantize(amount / quantity, minor_units(d.currency))
    if unit_price * quantity == amount:
        return Line(name, Priced(quantity, unit_price, rate), line.unit)
    whole = f"{plain(quantity)} × {name}"
    return Line(whole, Priced(Decimal(1), amount, rate), whole=True)


def _figures(
    s: Session, d: Document, lines: Sequence[Line], mode: Mode, way: Counting, round_total: bool
) -> Totals:
    goods = [line.priced for line in lines if not line.rounding]
    sums = compute(goods, mode, way, d.currency)
    added = total(line.priced.amount for line in lines if line.rounding)
    amount = total(net + tax for net, tax in sums.values()) + added
    rounds = s.loaded.facts.get("rounds") and d.currency == s.loaded.facts.get("currency")
    if round_total or rounds:
        amount = quantize(amount, 0)
    return Totals(amount, rows_of(sums, d))


def rows_of(sums: Sums, d: Document) -> tuple[VatRow, ...]:
    """Return a recapitulation, highest rate first; treatments are those of the document."""
    treatments = {row.rate: row.treatment for row in reversed(d.vat)}
    return tuple(
        VatRow(rate, treatments.get(rate, Treatment.STANDARD), *sums[rate])
        for rate in sorted(sums, reverse=True)
    )


def _is_right(found: Totals, d: Document) -> bool:
    return found.total == d.total and _per_rate(found.vat) == _per_rate(d.vat)


def _per_rate(rows: Sequence[VatRow]) -> Mapping[Decimal, tuple[Decimal, Decimal]]:
    sums: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for row in rows:
        net, tax = sums.get(row.rate, (ZERO, ZERO))
        sums[row.rate] = (net + row.net, tax + row.tax)
    return {rate: both for rate, both in sums.items() if any(both)}


def _distance(found: Totals, d: Document) -> Decimal:
    theirs, ours = _per_rate(found.vat), _per_rate(d.vat)
    none = (ZERO, ZERO)
    return total(
        abs(theirs.get(rate, none)[part] - ours.get(rate, none)[part])
        for rate in {*theirs, *ours}
        for part in (0, 1)
    )


# The document


def invoice(s: Session, d: Document, key: str, subject_id: str) -> dict[str, Any]:
    """Return the body of ``POST invoices.json``; what is not sent, Fakturoid fills in itself.

    Raises:
        RejectedError: the exchange rate of the document is not one of the account's currency.
    """
    sent = shape(s, d)
    body: dict[str, Any] = {
        "custom_id": key,
        "document_type": _TYPES[d.kind],
        "subject_id": _id(subject_id),
        **_links(s, d),
        **_client(d),
        "number_format_id": _id(series(s, d)),
        "variable_symbol": d.variable_symbol or None,
        "order_number": d.order_number or None,
        "issued_on": d.issued_on.isoformat(),
        "taxable_fulfillment_due": _taxable_on(d),
        "due": max((d.due_on - d.issued_on).days, 0),
        "note": _note(d),
        "footer_note": d.note_below or None,
        "bank_account_id": _id(bank_account(s, d)),
        **_paying(d),
        **_currency(s, d),
        "language": _LANGUAGES.get(d.language),
        **_treatment(s, d),
        "vat_price_mode": sent.mode.value or None,
        "round_total": sent.round_total if d.rounding else None,
    }
    body["lines"] = [_line_body(line, sent.mode) for line in sent.lines]
    return {name: value for name, value in body.items() if value is not None}


def series(s: Session, d: Document) -> str:
    """Return the id of the number format: the rule's, else the connection's; empty: theirs."""
    return dict(d.texts).get("series", "") or s.settings.get(f"series_{d.kind.value}", "")


def bank_account(s: Session, d: Document) -> str:
    """Return the id of the bank account that stands on the document; empty: the account's default.

    One in the document's currency goes before one in another.
    """
    chosen = s.settings.get("bank_account", "")
    known = s.loaded.bank_accounts
    used = next((one for one in known if (one.id == chosen if chosen else one.default)), None)
    if used is None or used.currency in {"", d.currency}:
        return chosen
    fitting = sorted((one for one in known if one.currency == d.currency), key=_is_not_default)
    return fitting[0].id if fitting else chosen


def _is_not_default(one: Choice) -> bool:
    return not one.default


def follow_up(s: Session) -> str:
    """Return what Fakturoid is to issue once a proforma is paid."""
    return s.settings.get("follow_up", "") or FOLLOW_UP


def _links(s: Session, d: Document) -> dict[str, Any]:
    if d.kind is Kind.PROFORMA:
        return {"proforma_followup_document": follow_up(s)}
    if d.kind is Kind.CREDIT_NOTE:
        return {"correction_id": _id(d.original.external_id) if d.original else None}
    taxed = [_id(one.tax_document_id) for one in d.deductions if one.tax_document_id]
    if taxed:
        return {"document_type": "final_invoice", "tax_document_ids": taxed}
    proforma = next((one.external_id for one in d.deductions if one.external_id), "")
    return {"related_id": _id(proforma)}


def _note(d: Document) -> str | None:
    """Return the text above the lines: the rule's, why it is credited, the customer's number."""
    reference = _REFERENCE.get(d.language, _REFERENCE["en"]).format(d.customer_reference)
    parts = (d.note_above, d.reason, reference if d.customer_reference else "")
    return "\n".join(part for part in parts if part) or None


def _taxable_on(d: Document) -> str | None:
    if d.kind is Kind.PROFORMA or d.seller.vat_mode is not VatMode.PAYER:
        return None
    return d.taxable_on.isoformat() if d.taxable_on else None


def _client(d: Document) -> dict[str, Any]:
    """Return the customer as the order has it, whatever the contact there says by now."""
    fields = {f"client_{name}": value for name, value in _address(d.customer, d.language).items()}
    fields |= {f"client_{name}": value for name, value in _ids(d.customer).items()}
    delivery = d.delivery
    if delivery is None or delivery == d.customer.address:
        return fields
    name = delivery.company or delivery.name
    return fields | {
        "client_has_delivery_address": True,
        "client_delivery_name": name or None,
        **{f"client_delivery_{part}": value for part, value in _place(delivery).items()},
    }


def _paying(d: Document) -> dict[str, Any]:
    way = way_of(d.payment_method, d.payment_title)
    if way in _WAYS:
        return {"payment_method": _WAYS[way]}
    title = d.payment_title or d.payment_method
    if not title:
        return {}
    return {"payment_method": "custom", "custom_payment_method": _short(title)}


def _short(title: str) -> str:
    """Cut a title to what fits, at a space where there is one."""
    if len(title) <= _CUSTOM_WAY:
        return title
    cut = title[: _CUSTOM_WAY + 1]
    return (cut.rpartition(" ")[0] or cut)[:_CUSTOM_WAY].rstrip(" ,(-–")


def _currency(s: Session, d: Document) -> dict[str, Any]:
    home = account_currency(s, d)
    if d.currency == home:
        return {"currency": d.currency}
    rate = d.exchange_rate
    if rate is None or rate.home != home:
        raise RejectedError(
            Problem.of("SPJ-FAKTUROID-EXCHANGE-RATE", currency=d.currency, home=home),
            Rejection.DATA,
        )
    return {"currency": d.currency, "exchange_rate": plain(rate.rate / rate.amount)}


def account_currency(s: Session, d: Document) -> str:
    """Return the currency of the account; before it was loaded, that of the exchange rate."""
    loaded = str(s.loaded.facts.get("currency", ""))
    return loaded or (d.exchange_rate.home if d.exchange_rate else d.currency)


def _treatment(s: Session, d: Document) -> dict[str, Any]:
    treatments = {line.treatment for line in d.lines}
    if Treatment.REVERSE_CHARGE in treatments:
        return {
            "transferred_tax_liability": True,
            "supply_code": s.settings.get("supply_code", "") or None,
        }
    if Treatment.OSS in treatments:
        return {"oss": s.settings.get("oss", "") or "goods"}
    return {}


def _line_body(line: Line, mode: Mode) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": line.name,
        "quantity": plain(line.priced.quantity),
        "unit_name": line.unit or None,
        "unit_price": plain(line.priced.unit_price),
        "vat_rate": None if mode is Mode.NO_VAT else plain(line.priced.rate),
    }
    return {name: value for name, value in body.items() if value is not None}


# The customer


def subject(d: Document) -> dict[str, Any]:
    """Return the body of ``POST subjects.json``.

    The register of companies (ARES) must not rewrite what the customer ordered with.
    """
    customer = d.customer
    address = customer.address
    person = address.name if address.company else ""
    body: dict[str, Any] = {
        "custom_id": names(customer)["own"],
        "type": "customer",
        **_address(customer, d.language),
        **_ids(customer),
        "full_name": person or None,
        "email": customer.email or None,
        "phone": customer.phone or address.phone or None,
        "setting_update_from_ares": "off",
    }
    return {name: value for name, value in body.items() if value is not None}


def _address(customer: Customer, language: str) -> dict[str, Any]:
    address = customer.address
    named = address.company or address.name or customer.email
    if len(named.strip()) < 2:  # they want two characters at least
        named = f"{_NOBODY.get(language, _NOBODY['en'])} {named}".strip()
    return {"name": named, **_place(address)}


def _place(address: Address) -> dict[str, Any]:
    state = address.state if address.country in _WITH_STATES else ""
    fields = {
        "street": ", ".join(part for part in (address.street, address.street2) if part),
        "city": ", ".join(part for part in (address.city, state) if part),
        "zip": address.postcode,
        "country": address.country,
    }
    return {name: value for name, value in fields.items() if value}


def _ids(customer: Customer) -> dict[str, Any]:
    """Return IČO and tax numbers; Slovakia tells its DIČ (local) from its IČ DPH."""
    slovak = customer.address.country == "SK" or customer.vat_id.upper().startswith("SK")
    vat = customer.vat_id if slovak else customer.vat_id or customer.tax_id
    fields = {
        "registration_no": customer.company_id,
        "vat_no": vat,
        "local_vat_no": customer.tax_id if slovak else "",
    }
    return {name: value for name, value in fields.items() if value}


def plain(amount: Decimal) -> str:
    """Write a number as they do, without needless zeros: ``21``, ``0.5``."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _id(text: str) -> int | str | None:
    """Return an id as they want it, a number; an id of another look is sent as it is."""
    return (int(text) if text.isdecimal() else text) if text else None
