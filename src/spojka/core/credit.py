"""Make a credit note: what is given back, taken from what was invoiced.

A credit note never invents a rate. Its lines are lines of the invoice, less what earlier credit
notes already gave back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from spojka.core.build import Request, frame, unit_price
from spojka.core.document import Document, DocumentLine, Treatment
from spojka.core.money import ZERO, allocate, minor_units, quantize, total
from spojka.core.order import LineKind, Order, Refund
from spojka.core.problem import Held, Problem
from spojka.core.profile import Profile

_GIVEN_BACK = {
    "cs": "Vrácení části ceny",
    "sk": "Vrátenie časti ceny",
    "en": "Partial refund",
}

Group = tuple[Decimal, Treatment]


@dataclass(frozen=True, slots=True)
class Credit:
    """What to give back. Without any of the three: everything that is left.

    ``items`` maps keys of invoice lines to quantities; ``amount`` is with VAT and positive.
    """

    refund: Refund | None = None
    items: Mapping[str, Decimal] | None = None
    amount: Decimal | None = None


def build_credit_note(
    order: Order,
    profile: Profile,
    request: Request,
    invoice: Document,
    earlier: Sequence[Document],
    credit: Credit,
) -> Document:
    """Make a credit note to ``invoice``; ``earlier`` are credit notes to it that exist already.

    Raises:
        Held: the refund contradicts itself, exceeds what is left, or does not say which rates
            it belongs to.
    """
    left = remaining(invoice, earlier)
    document = replace(
        frame(order, profile, request),
        seller=invoice.seller,
        customer=invoice.customer,
        delivery=invoice.delivery,
        currency=invoice.currency,
        exchange_rate=invoice.exchange_rate or request.exchange_rate,
        language=request.language or invoice.language,
        variable_symbol=invoice.variable_symbol,
    )
    lines = _lines(credit, left, profile, document)
    if not lines:
        raise Held(Problem.of("SPJ-ZERO-REFUND", order=order.number))
    _check_left(lines, left)
    return replace(document, lines=lines)


def remaining(invoice: Document, earlier: Sequence[Document]) -> tuple[DocumentLine, ...]:
    """Return the invoice's lines less what earlier credit notes gave back.

    What was given back by amount (not tied to a line) is taken off the lines of its rate, from the
    largest down, so that the sums per rate stay right.
    """
    lines = list(invoice.lines)
    for note in earlier:
        for given in note.lines:
            at = _find(lines, given)
            if at is not None:
                lines[at] = _less(lines[at], given.quantity, given.net, given.tax, invoice.currency)
            else:
                lines = _spread(lines, given, invoice.currency)
    return tuple(line for line in lines if line.net or line.tax)


def _find(lines: Sequence[DocumentLine], given: DocumentLine) -> int | None:
    for at, line in enumerate(lines):
        if (line.key, line.rate, line.treatment) == (given.key, given.rate, given.treatment):
            return at
    return None


def _less(
    line: DocumentLine, quantity: Decimal, net: Decimal, tax: Decimal, currency: str
) -> DocumentLine:
    """Return the line after ``quantity``, ``net`` and ``tax`` (all negative) were given back."""
    count = line.quantity + quantity
    if count <= 0:
        count = line.quantity
    rest = line.net + net
    return replace(
        line,
        quantity=count,
        net=rest,
        tax=line.tax + tax,
        unit_price=unit_price(rest, count, currency),
    )


def _spread(lines: list[DocumentLine], given: DocumentLine, currency: str) -> list[DocumentLine]:
    group = (given.rate, given.treatment)
    members = [at for at, line in enumerate(lines) if (line.rate, line.treatment) == group]
    positive = [at for at in members if lines[at].gross > 0]
    weights = [lines[at].gross for at in positive]
    if not positive:
        return lines
    places = minor_units(currency)
    nets = allocate(given.net, weights, places)
    taxes = allocate(given.tax, weights, places)
    for at, net, tax in zip(positive, nets, taxes, strict=True):
        lines[at] = _less(lines[at], ZERO, net, tax, currency)
    return lines


def _lines(
    credit: Credit, left: tuple[DocumentLine, ...], profile: Profile, document: Document
) -> tuple[DocumentLine, ...]:
    if credit.items is not None:
        return _by_items(credit.items, left, document.currency)
    refund = credit.refund
    if refund is not None:
        if refund.problems:
            raise Held(*refund.problems)
        if refund.lines:
            return _by_refund_lines(refund, left, document.currency)
        amount: Decimal | None = refund.amount
    else:
        amount = credit.amount
    worth = total(line.gross for line in left)
    if amount is None or amount == worth:
        return tuple(_negative(line) for line in left)
    if refund is not None and not refund.detailed:
        raise Held(Problem.of("SPJ-REFUND-DETAIL", refund=refund.external_id))
    return _by_amount(amount, left, profile, document)


def _negative(line: DocumentLine) -> DocumentLine:
    return replace(line, quantity=-line.quantity, net=-line.net, tax=-line.tax)


def _by_items(
    items: Mapping[str, Decimal], left: tuple[DocumentLine, ...], currency: str
) -> tuple[DocumentLine, ...]:
    unknown = set(items) - {line.key for line in left}
    if unknown:
        raise Held(Problem.of("SPJ-REFUND-LINE", line=", ".join(sorted(unknown))))
    lines: list[DocumentLine] = []
    places = minor_units(currency)
    for line in left:
        quantity = items.get(line.key, ZERO)
        if quantity <= 0:
            continue
        if quantity > line.quantity:
            raise Held(Problem.of("SPJ-REFUND-EXCEEDS", amount=quantity, left=line.quantity))
        if quantity == line.quantity:
            lines.append(_negative(line))
            continue
        share = quantity / line.quantity
        net = quantize(line.net * share, places)
        # The tax follows the gross price of the units, so that the customer gets back what
        # they paid for them.
        tax = quantize(line.gross * share, places) - net
        lines.append(replace(line, quantity=-quantity, net=-net, tax=-tax))
    return tuple(lines)


def _by_refund_lines(
    refund: Refund, left: tuple[DocumentLine, ...], currency: str
) -> tuple[DocumentLine, ...]:
    rows = total(line.gross for line in refund.lines)
    if -rows != refund.amount:
        raise Held(Problem.of("SPJ-REFUND-SUM", rows=-rows, amount=refund.amount))
    lines: list[DocumentLine] = []
    for row in refund.lines:
        if not row.net and not row.tax:
            continue
        same = [line for line in left if line.key == row.key]
        origin = next((line for line in same if line.rate == (row.rate or ZERO)), None)
        if origin is None:
            raise Held(Problem.of("SPJ-REFUND-LINE", line=row.name or row.key))
        quantity = -abs(row.quantity or Decimal(1))
        lines.append(
            replace(
                origin,
                quantity=quantity,
                net=row.net,
                tax=row.tax,
                unit_price=unit_price(row.net, quantity, currency),
            )
        )
    return tuple(lines)


def _by_amount(
    amount: Decimal, left: tuple[DocumentLine, ...], profile: Profile, document: Document
) -> tuple[DocumentLine, ...]:
    worth = total(line.gross for line in left)
    if amount > worth:
        raise Held(Problem.of("SPJ-REFUND-EXCEEDS", amount=amount, left=worth))
    if amount <= 0:
        return ()
    groups = _groups(left)
    if len(groups) > 1 and not profile.allocate_refunds:
        rates = ", ".join(f"{rate.normalize():f}" for rate, _ in groups)
        raise Held(Problem.of("SPJ-REFUND-RATES", amount=amount, rates=rates))
    places = minor_units(document.currency)
    parts = allocate(amount, [sum(sums, ZERO) for sums in groups.values()], places)
    name = document.reason or _GIVEN_BACK.get(document.language, _GIVEN_BACK["en"])
    return tuple(
        _amount_line(name, part, group, sums, places)
        for part, (group, sums) in zip(parts, groups.items(), strict=True)
        if part
    )


def _groups(lines: Iterable[DocumentLine]) -> dict[Group, tuple[Decimal, Decimal]]:
    """Return net and tax left per rate and treatment, of groups that are worth something."""
    return {group: sums for group, sums in _sums(lines).items() if sum(sums, ZERO) > 0}


def _amount_line(
    name: str, gross: Decimal, group: Group, left: tuple[Decimal, Decimal], places: int
) -> DocumentLine:
    """Divide an amount with VAT into net and tax in the proportion in which they are left."""
    net_left, tax_left = left
    tax = quantize(gross * tax_left / (net_left + tax_left), places)
    net = gross - tax
    rate, treatment = group
    return DocumentLine(
        key="",
        kind=LineKind.DISCOUNT,
        name=name,
        quantity=Decimal(-1),
        unit_price=net,
        net=-net,
        tax=-tax,
        rate=rate,
        treatment=treatment,
    )


def _check_left(lines: Sequence[DocumentLine], left: Sequence[DocumentLine]) -> None:
    """Prove that no rate gives back more than is left of it.

    Raises:
        Held: it does.
    """
    have = _sums(left)
    for group, (net, tax) in _sums(lines).items():
        net_left, tax_left = have.get(group, (ZERO, ZERO))
        if net_left + tax_left + net + tax < 0:
            raise Held(
                Problem.of("SPJ-REFUND-EXCEEDS", amount=-(net + tax), left=net_left + tax_left)
            )


def _sums(lines: Iterable[DocumentLine]) -> dict[Group, tuple[Decimal, Decimal]]:
    sums: dict[Group, tuple[Decimal, Decimal]] = {}
    for line in lines:
        net, tax = sums.get((line.rate, line.treatment), (ZERO, ZERO))
        sums[line.rate, line.treatment] = (net + line.net, tax + line.tax)
    return sums
