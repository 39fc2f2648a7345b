"""VAT recapitulations and totals of a rendered document."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from spojka.core.document import Kind, VatRow
from spojka.core.money import ZERO, total
from spojka.documents.rendering import supply
from spojka.documents.rendering.view import Fact, Recap, RecapRow
from spojka.documents.rendering.words import Words

Convert = Callable[[Decimal], Decimal]


def recaps(words: Words) -> tuple[Recap, ...]:
    """Recapitulate VAT per rate in the document's currency and, where it differs, in the home one.

    The home recapitulation is left out where the document knows no rate of exchange.
    """
    document = words.document
    if not words.with_vat:
        return ()
    own = _recap(words, words.texts["recap"], document.currency, lambda amount: amount)
    rate = document.exchange_rate
    if rate is None or not words.is_tax or not _is_convertible(words):
        return (own,)
    home = supply.home_currency(document)
    note = words.texts["exchange_rate"].format(
        amount=rate.amount,
        currency=document.currency,
        rate=words.formats.number(rate.rate),
        home=home,
    )
    origin = [rate.source, words.formats.date(rate.valid_on) if rate.valid_on else ""]
    described = ", ".join(part for part in origin if part)
    converted = _recap(
        words,
        words.texts["recap.home"].format(currency=home),
        home,
        lambda amount: supply.at_home(document, amount),
        note=f"{note} ({described})" if described else note,
    )
    return own, converted


def _is_convertible(words: Words) -> bool:
    return supply.is_foreign(words.document) and supply.has_exchange_rate(words.document)


def _recap(words: Words, title: str, currency: str, convert: Convert, note: str = "") -> Recap:
    texts, document = words.texts, words.document
    # § 45 of the Czech VAT act: a corrective document states the differences of base and tax.
    suffix = ".difference" if document.kind is Kind.CREDIT_NOTE and words.is_tax else ""
    head = (
        texts["recap.rate"],
        texts[f"recap.base{suffix}"],
        texts[f"recap.tax{suffix}"],
        texts["recap.gross"],
    )

    def at(vat: Iterable[VatRow]) -> list[VatRow]:
        return [VatRow(row.rate, row.treatment, convert(row.net), convert(row.tax)) for row in vat]

    def section(vat: Iterable[VatRow], heading: str = "") -> None:
        if heading:
            rows.append(RecapRow((heading,), heading=True))
        listed = list(vat)
        rows.extend(
            RecapRow(
                (words.rate(row.rate, row.treatment), *figures(row.net, row.tax, row.gross)),
            )
            for row in listed
        )
        if len(listed) > 1:
            net, tax = total(row.net for row in listed), total(row.tax for row in listed)
            rows.append(RecapRow((texts["total"], *figures(net, tax, net + tax)), strong=True))

    def figures(*amounts: Decimal) -> tuple[str, ...]:
        return tuple(words.formats.amount(amount, currency) for amount in amounts)

    rows: list[RecapRow] = []
    full = at(document.vat)
    taxed = [deduction for deduction in document.deductions if deduction.taxed and deduction.rows]
    section(full, texts["recap.full"] if taxed else "")
    claimed: list[VatRow] = []
    for deduction in taxed:
        declared = at(deduction.rows)
        claimed += declared
        heading = texts["recap.claimed"].format(number=deduction.number)
        section(supply.remainder((), declared), heading)
    if taxed:
        section(supply.remainder(full, claimed), texts["recap.remainder"])
    return Recap(title, head, tuple(rows), note)


def totals(words: Words) -> tuple[Fact, ...]:
    """List what leads from the sum of the lines to the amount due."""
    document, texts = words.document, words.texts
    facts = []
    if words.with_vat:
        facts.append(Fact(texts["total.net"], words.money(document.net)))
        facts.append(Fact(texts["total.tax"], words.money(document.tax)))
    if document.rounding:
        facts.append(Fact(texts["total.rounding"], words.money(document.rounding)))
    facts.append(
        Fact(texts["total.gross" if words.with_vat else "total"], words.money(document.total))
    )
    facts += [
        Fact(
            texts["total.deducted"].format(number=deduction.number),
            words.money(-deduction.amount),
        )
        for deduction in document.deductions
    ]
    if document.paid_amount:
        key = "total.returned" if document.paid_amount < ZERO else "total.paid"
        facts.append(Fact(texts[key], words.money(-document.paid_amount)))
    return tuple(facts)


def due(words: Words) -> Fact:
    """Name the amount due; on a credit note, the (positive) amount to be given back."""
    amount = words.document.amount_due
    if words.document.kind is Kind.TAX_DOCUMENT:
        amount = ZERO  # it confirms a payment and asks for none
    if amount < ZERO:
        return Fact(words.texts["amount_back"], words.money(-amount))
    return Fact(words.texts["amount_due"], words.money(amount))
