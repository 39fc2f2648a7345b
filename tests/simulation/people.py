"""What people do meanwhile: they retry, pay, credit, cancel, and mend connections."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils import timezone

from spojka.companies.models import Company
from spojka.core.document import Kind
from spojka.core.outcome import EffectKind
from spojka.documents import actions, attention
from spojka.documents.models import Document
from spojka.documents.performing import message_id

if TYPE_CHECKING:
    from tests.simulation.simulator import Simulation

PACE = 25
"""Seconds between two actions, on the average."""
ACTOR = "Jana"
MENDED_BY_TRYING = ("SPJ-SHOP-", "SPJ-NET-")
"""Codes of what the network and the other side did, as a prefix."""


def begin(simulation: Simulation) -> None:
    """Have people act from time to time, as long as the faults last."""
    rng = simulation.chaos.rng

    def act() -> None:
        if not simulation.chaos.active:
            return
        simulation.chaos.run(lambda: _act(simulation))
        simulation.later(timedelta(seconds=rng.expovariate(1 / PACE)), act)

    simulation.later(timedelta(seconds=30), act)


def _act(simulation: Simulation) -> None:
    rng = simulation.chaos.rng
    name = rng.choice(
        ("mend", "retry", "retry", "retry", "pay", "unpay", "credit", "cancel", "email", "drop")
    )
    simulation.chaos.happened[f"person: {name}"] += 1
    if name == "mend":
        _mend(rng.choice(list(Company.objects.order_by("pk"))))
        return
    documents = Document.objects.select_related("order__company", "order__current", "company")
    chosen = documents.order_by("pk")
    if name == "retry" and rng.random() < 0.8:
        chosen = chosen.filter(state__in=["held", "uncertain", "planned"])
    count = chosen.count()
    if not count:
        return
    document = chosen[rng.randrange(count)]
    try:
        _do(simulation, name, document)
    except actions.ActionRefused:
        simulation.chaos.happened["person refused"] += 1


def _do(simulation: Simulation, name: str, document: Document) -> None:
    today = timezone.localdate()
    match name:
        case "retry":
            _allow_emails(simulation, document)
            actions.retry(document, actor=ACTOR)
        case "pay":
            actions.mark_paid(document, paid_on=today, actor=ACTOR)
        case "unpay":
            actions.unpay(document, actor=ACTOR)
        case "credit" if document.kind == Kind.INVOICE:
            actions.credit(document, amount=Decimal("0.50"), reason="Sleva", actor=ACTOR)
        case "cancel" if simulation.chaos.rng.random() < 0.2:
            actions.cancel(document, actor=ACTOR)
        case "email":
            actions.send_email(document, to="jana@example.test", actor=ACTOR)
        case "drop":
            actions.drop(document, actor=ACTOR)


def _allow_emails(simulation: Simulation, document: Document) -> None:
    """Who tries an e-mail of unknown outcome again takes the risk of a second one knowingly."""
    for effect in document.effects.filter(kind=EffectKind.EMAIL, state="rejected"):
        if effect.problem and effect.problem["code"] == "SPJ-EMAIL-UNCERTAIN":
            simulation.world.mail.allowed[message_id(effect)] += 1


def _mend(company: Company) -> None:
    """Clear what trying again clears, as the page *needs attention* offers it."""
    for group in attention.groups(company, "en"):
        if group.code.startswith(MENDED_BY_TRYING):
            actions.retry_all(company, group.code, actor=ACTOR)


def mend_everything() -> None:
    """Mend what waits for a person because of the faults, in every company."""
    for company in Company.objects.order_by("pk"):
        _mend(company)
