"""Which accounting system a document goes to, and what that system can do.

A document that follows another one goes where that one is: a final invoice to its proforma, a
credit note to its invoice. Otherwise a rule's own connection wins; then the first connection, by
position, whose conditions hold for the order; then the company's default one.

What would go to a connection that is switched off is never sent elsewhere without a sound: the
document is held and says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spojka.accounting.contract import Capability
from spojka.connections import systems
from spojka.connections.models import Connection
from spojka.core import rules
from spojka.core.document import Document as CoreDocument
from spojka.core.document import Kind
from spojka.core.order import Order as CoreOrder
from spojka.core.outcome import EffectKind
from spojka.core.problem import Problem
from spojka.core.rules import Rule
from spojka.database.prepared import Prepared
from spojka.documents import rulebook
from spojka.documents.models import Document
from spojka.orders.models import Order

EMAIL_BY = "email_by"
"""Setting of a connection: who sends its documents by e-mail, ``own`` (default) or ``system``."""
BY_SYSTEM = "system"

_OF_KIND = {
    Kind.INVOICE: Capability.INVOICE,
    Kind.PROFORMA: Capability.PROFORMA,
    Kind.TAX_DOCUMENT: Capability.TAX_DOCUMENT,
    Kind.CREDIT_NOTE: Capability.CREDIT_NOTE,
}
_OF_EFFECT = {
    EffectKind.PAY: Capability.PAY,
    EffectKind.UNPAY: Capability.UNPAY,
    EffectKind.CANCEL: Capability.CANCEL,
    EffectKind.DELETE: Capability.DELETE,
    EffectKind.PDF: Capability.PDF,
}


@dataclass(frozen=True, slots=True)
class Route:
    """Where a document goes. ``problem`` says why it has to wait there, if it has to."""

    connection: Connection
    problem: Problem | None = None


_CONNECTIONS = Prepared(
    lambda company_id: Connection.objects.filter(company_id=company_id).order_by("position", "pk"),
    int,
)


def route(
    order: Order, core: CoreOrder, rule: Rule | None, original: Document | None = None
) -> Route:
    """Return the connection of a new document of an order.

    Args:
        order: The order.
        core: Its current content.
        rule: The rule that made the document due, if one did.
        original: The document that it follows, if there is one.
    """
    if original is not None and original.connection is not None:
        return checked(original.connection)
    company = order.company
    connections = _CONNECTIONS.all(company.pk)
    named = rule.connection if rule is not None else ""
    wanted = (
        next((connection for connection in connections if str(connection.pk) == named), None)
        or _by_conditions(connections, order, core)
        or next((connection for connection in connections if connection.default), None)
    )
    if wanted is not None:
        wanted.company = company
        return checked(wanted)
    own = systems.own_connection(company)
    if own.default:  # made just now: nothing else was ever chosen
        return Route(own)
    return Route(own, Problem.of("SPJ-CONNECTION-NO-DEFAULT"))


def checked(connection: Connection) -> Route:
    """Return the route to a connection; where it is switched off, the document has to wait."""
    if connection.active:
        return Route(connection)
    return Route(connection, Problem.of("SPJ-CONNECTION-OFF", name=connection.name))


def _by_conditions(
    connections: Iterable[Connection], order: Order, core: CoreOrder
) -> Connection | None:
    facts = rulebook.facts_of(order, core)
    return next(
        (
            connection
            for connection in connections
            if connection.conditions
            and rules.holds(rules.conditions_from_json(connection.conditions), facts)
        ),
        None,
    )


# what a connection can do


def capabilities(connection: Connection) -> frozenset[Capability]:
    """Return what the connection's system declares."""
    return systems.system_of(connection).descriptor.capabilities


def cannot_make(connection: Connection, content: CoreDocument) -> Problem | None:
    """Return why the connection's system cannot make a document, if it cannot."""
    wanted = [_OF_KIND[content.kind]]
    if content.kind is Kind.INVOICE and content.deductions:
        wanted.append(Capability.FINAL)
    return _missing(connection, wanted)


def cannot_do(connection: Connection | None, kind: EffectKind) -> Problem | None:
    """Return why an effect is not possible with a document of the connection, if it is not."""
    wanted = _OF_EFFECT.get(kind)
    if wanted is None or connection is None:
        return None
    return _missing(connection, [wanted])


def _missing(connection: Connection, wanted: Iterable[Capability]) -> Problem | None:
    can = capabilities(connection)
    missing = next((capability for capability in wanted if capability not in can), None)
    if missing is None:
        return None
    return Problem.of(
        "SPJ-CONNECTION-CANNOT",
        name=connection.name,
        system=systems.system_of(connection).descriptor.name,
        what=f"@can-{missing.value}",
    )


def emails_itself(connection: Connection | None) -> bool:
    """Tell whether the system is to send the connection's documents to customers itself."""
    if connection is None or connection.settings.get(EMAIL_BY) != BY_SYSTEM:
        return False
    return Capability.EMAIL in capabilities(connection)
