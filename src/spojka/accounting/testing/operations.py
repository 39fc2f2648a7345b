"""The eight operations that every system is tried in, each prepared, done and witnessed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from spojka.accounting.contract import Capability, Email, Issued, Session
from spojka.accounting.simulator import Kept
from spojka.accounting.testing.bench import Bench
from spojka.core.document import Document, Kind


@dataclass(frozen=True, slots=True)
class Operation:
    """One effect, ready to be done.

    ``right`` looks at the simulator's books and says what is wrong, or nothing.
    """

    perform: Callable[[Session], Any]
    look_up: Callable[[Session], Any]
    right: Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Named:
    """An operation by name: which capability it needs, and how it is prepared on a bench."""

    name: str
    needs: frozenset[Capability]
    prepare: Callable[[Bench], Operation]


def key_of(document: Document) -> str:
    """Return the key under which a document is created."""
    return f"{document.uuid}:create"


def issue(bench: Bench, document: Document) -> Issued:
    """Create a document with nothing going wrong."""
    return bench.do(lambda s: bench.system.create(s, document, key_of(document)))


def kept(bench: Bench, document: Document) -> list[Kept]:
    """Return what the simulator has of a document, by its order and kind."""
    return [
        one
        for one in bench.simulator.books()
        if one.order_number == document.order_number and one.kind == document.kind.value
    ]


def _create(bench: Bench, document: Document) -> Operation:
    key = key_of(document)

    def right(issued: Any) -> str:
        found = kept(bench, document)
        if len(found) != 1:
            return f"{len(found)} documents of the kind exist for the order"
        if issued is None:
            return "it exists and was not found"
        if (issued.external_id, issued.number) != (found[0].external_id, found[0].number):
            return f"{issued.number} was reported, {found[0].number} exists"
        if found[0].total != document.total:
            return f"it is worth {found[0].total} and not {document.total}"
        return ""

    return Operation(
        lambda s: bench.system.create(s, document, key),
        lambda s: bench.system.look_up(s, document, key),
        right,
    )


def _invoice(bench: Bench) -> Operation:
    return _create(bench, bench.samples.invoice())


def _proforma(bench: Bench) -> Operation:
    return _create(bench, bench.samples.proforma())


def _settle(bench: Bench) -> Operation:
    proforma = bench.samples.proforma()
    issued = issue(bench, proforma)
    pay(bench, proforma, issued)
    return _create(bench, bench.samples.final(proforma, issued.number, issued.external_id))


def pay(bench: Bench, document: Document, issued: Issued) -> Any:
    """Record the payment of a whole document with nothing going wrong."""
    return bench.do(
        lambda s: bench.system.pay(
            s, document, issued, f"{document.uuid}:pay:1", bench.samples.today, document.total
        )
    )


def _credit_note(bench: Bench) -> Operation:
    invoice = bench.samples.invoice()
    issued = issue(bench, invoice)
    return _create(bench, bench.samples.credit_note(invoice, issued.number, issued.external_id))


def _pay(bench: Bench) -> Operation:
    document = bench.samples.invoice()
    issued = issue(bench, document)
    arguments = (document, issued, f"{document.uuid}:pay:1", bench.samples.today, document.total)

    def right(payment: Any) -> str:
        paid = kept(bench, document)[0].paid
        return "" if paid == document.total and payment else f"{paid} of {document.total} is paid"

    return Operation(
        lambda s: bench.system.pay(s, *arguments),
        lambda s: bench.system.find_payment(s, *arguments),
        right,
    )


def _unpay(bench: Bench) -> Operation:
    document = bench.samples.invoice()
    issued = issue(bench, document)
    payment = pay(bench, document, issued)

    def perform(s: Session) -> bool:
        key = f"{document.uuid}:pay:1"
        bench.system.unpay(s, document, issued, key, payment.external_id)
        return True

    def right(_done: Any) -> str:
        paid = kept(bench, document)[0].paid
        return "" if paid == 0 else f"{paid} is still paid"

    return Operation(perform, lambda _s: None, right)


def _email(bench: Bench) -> Operation:
    document = bench.samples.invoice()
    issued = issue(bench, document)
    message = Email(
        document.customer.email, "Doklad k objednávce", "Dobrý den,\nposíláme doklad.", "cs"
    )
    key = f"{document.uuid}:email:1"

    asked_nobody = True

    def perform(s: Session) -> bool:
        bench.system.email(s, document, issued, key, message)
        return True

    def look_up(s: Session) -> bool | None:
        nonlocal asked_nobody
        sent = bench.system.find_email(s, document, issued, key, message)
        if sent is None:  # a person decides: it is never sent again by itself
            asked_nobody = False
        return True if sent is None or sent else None

    def right(_done: Any) -> str:
        emails = kept(bench, document)[0].emails
        if len(emails) > 1 or (not emails and asked_nobody):
            return f"{len(emails)} e-mails were sent"
        return "" if all(to == message.to for to in emails) else f"it went to {emails}"

    return Operation(perform, look_up, right)


def _pdf(bench: Bench) -> Operation:
    document = bench.samples.invoice()
    issued = issue(bench, document)

    def right(file: Any) -> str:
        return "" if file and file.content.startswith(b"%PDF-") else "there is no PDF"

    return Operation(lambda s: bench.system.pdf(s, document, issued), lambda _s: None, right)


def _verify(bench: Bench) -> Operation:
    def perform(s: Session) -> list[Any]:
        return list(bench.system.verify(s))

    return Operation(
        perform, lambda _s: None, lambda rows: "" if rows else "the checklist has no rows"
    )


OPERATIONS: tuple[Named, ...] = (
    Named("verify", frozenset(), _verify),
    Named("invoice", frozenset({Capability.INVOICE}), _invoice),
    Named("proforma", frozenset({Capability.PROFORMA}), _proforma),
    Named("settle", frozenset({Capability.PROFORMA, Capability.FINAL, Capability.PAY}), _settle),
    Named("credit_note", frozenset({Capability.CREDIT_NOTE}), _credit_note),
    Named("pay", frozenset({Capability.PAY}), _pay),
    Named("email", frozenset({Capability.EMAIL}), _email),
    Named("pdf", frozenset({Capability.PDF}), _pdf),
)
"""The eight of the fault matrix. *Pay* goes on with *un-pay* where the system can."""
UNPAY = Named("unpay", frozenset({Capability.PAY, Capability.UNPAY}), _unpay)

METHODS = {
    Capability.PAY: ("pay", "find_payment"),
    Capability.UNPAY: ("unpay",),
    Capability.EMAIL: ("email", "find_email"),
    Capability.PDF: ("pdf",),
    Capability.ISDOC: ("isdoc",),
    Capability.CANCEL: ("cancel",),
    Capability.DELETE: ("delete",),
    Capability.CHANGES: ("changes", "read"),
    Capability.WEBHOOK: ("read_webhook", "register_webhook"),
}
"""What a system has if and only if it declares it."""
KINDS = {
    Capability.INVOICE: Kind.INVOICE,
    Capability.PROFORMA: Kind.PROFORMA,
    Capability.CREDIT_NOTE: Kind.CREDIT_NOTE,
    Capability.TAX_DOCUMENT: Kind.TAX_DOCUMENT,
}


def rates_of(rows: Any) -> dict[Decimal, tuple[Decimal, Decimal]]:
    """Return net and VAT per rate of rows of a recapitulation, without rows of nothing."""
    sums: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for row in rows:
        net, tax = sums.get(row.rate, (Decimal(0), Decimal(0)))
        sums[row.rate] = (net + row.net, tax + row.tax)
    return {rate: (net, tax) for rate, (net, tax) in sums.items() if net or tax}


def leaves_of(body: str) -> dict[str, str]:
    """Return the values of a body by their dotted names; one of a form may hold JSON itself."""
    data = _of_json(body)
    if data is None:
        name, _, rest = body.partition("=")  # one field of JSON may be shown as it is
        shown = _of_json(rest)
        form = parse_qsl(body, keep_blank_values=True)
        data = {name: shown} if shown is not None else {n: _of_json(v) or v for n, v in form}
    return dict(_leaves(data, ""))


def is_placeholder(shown: str) -> bool:
    """Tell whether a value is shown as known only when it is sent: a contact, a reserved number."""
    return shown == "…" or bool(re.fullmatch(r"\{\w+\}", shown))


def _of_json(text: str) -> Any:
    try:
        return json.loads(text, parse_float=str, parse_int=str)
    except ValueError:
        return None


def _leaves(value: Any, name: str) -> Iterator[tuple[str, str]]:
    below: Iterable[tuple[Any, Any]]
    if isinstance(value, dict):
        below = value.items()
    elif isinstance(value, list):
        below = enumerate(value)
    else:
        yield name, str(value)
        return
    for key, one in below:
        yield from _leaves(one, f"{name}.{key}" if name else str(key))
