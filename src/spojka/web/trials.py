"""A test order as its page shows it: both sides side by side, with what differs marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from spojka.accounting.contract import Issued
from spojka.connections.models import Connection
from spojka.core.document import Document as CoreDocument
from spojka.core.outcome import EffectState
from spojka.documents.comparison import Amounts, per_rate
from spojka.documents.models import Document
from spojka.documents.trial import TrialReport
from spojka.orders.models import Order
from spojka.web.formats import day, money, number

_UNDER_WAY = frozenset(EffectState) - {
    EffectState.CONFIRMED,
    EffectState.REJECTED,
    EffectState.SKIPPED,
}
_NOT_TOLD = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that both sides say."""

    label: str
    ours: str
    theirs: str
    differs: bool = False


def latest(connection: Connection) -> Order | None:
    """Return the latest test order of a connection."""
    document = (
        Document.objects.filter(connection=connection, order__shop__hidden=True, kind="invoice")
        .select_related("order__company", "order__current")
        .order_by("-pk")
        .first()
    )
    return document.order if document else None


def is_under_way(report: TrialReport) -> bool:
    """Tell whether something of the test order is still being done."""
    state, connection = report.document.state, report.document.connection
    if connection is not None and (connection.paused_problem or not connection.active):
        return False  # it waits until a person has mended that
    if state in {Document.State.PLANNED, Document.State.ISSUING, Document.State.UNCERTAIN}:
        return True
    return any(EffectState(step.state) in _UNDER_WAY for step in report.steps)


def side_by_side(report: TrialReport, theirs: Issued | None) -> Sequence[Row]:
    """Return what our document says and what the system says of it, as it was read back."""
    document = report.document
    if not document.content or theirs is None:
        return []
    differing = {difference.field for difference in report.differences}
    return list(_rows(document, document.core(), theirs, differing))


def _rows(
    document: Document, ours: CoreDocument, theirs: Issued, differing: set[str]
) -> Iterator[Row]:
    currency = ours.currency
    yield Row(_("Number"), document.number, theirs.number, "number" in differing)
    symbol = theirs.variable_symbol or _NOT_TOLD
    yield Row(
        _("Variable symbol"), document.variable_symbol, symbol, "variable_symbol" in differing
    )
    for name, label in (
        ("issued_on", _("Issued on")),
        ("taxable_on", _("Taxable on")),
        ("due_on", _("Due on")),
    ):
        mine, other = getattr(ours, name), getattr(theirs, name)
        yield Row(
            label, day(mine) if mine else _NOT_TOLD, day(other) if other else _NOT_TOLD,
            name in differing,
        )  # fmt: skip
    yield Row(_("Currency"), currency, theirs.currency or _NOT_TOLD, "currency" in differing)
    yield from _lines(ours, theirs, differing)
    mine, other = per_rate(ours.vat), per_rate(theirs.vat or ())
    for rate in sorted(mine.keys() | other.keys(), reverse=True):
        told = theirs.vat is not None
        yield Row(
            _("VAT %(rate)s %%: net + VAT") % {"rate": number(rate)},
            _amounts(mine.get(rate), currency),
            _amounts(other.get(rate), currency) if told else _NOT_TOLD,
            told and mine.get(rate) != other.get(rate),
        )
    total = money(theirs.total, currency) if theirs.total is not None else _NOT_TOLD
    yield Row(_("Total"), money(ours.total, currency), total, "total" in differing)


def _lines(ours: CoreDocument, theirs: Issued, differing: set[str]) -> Iterator[Row]:
    told = list(theirs.lines or ())
    for at in range(max(len(ours.lines), len(told))):
        mine = ours.lines[at] if at < len(ours.lines) else None
        other = told[at] if at < len(told) else None
        yield Row(
            _("Line %(n)d") % {"n": at + 1},
            f"{mine.name}: {money(mine.gross, ours.currency)}" if mine else _NOT_TOLD,
            f"{other.name}: {money(other.gross, ours.currency)}" if other else _NOT_TOLD,
            "lines" in differing,
        )


def _amounts(pair: Amounts | None, currency: str) -> str:
    return f"{money(pair[0], currency)} + {money(pair[1], currency)}" if pair else _NOT_TOLD
