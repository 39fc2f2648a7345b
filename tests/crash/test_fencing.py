"""What is in doubt stays in doubt: late words of a worker, and look-ups that are refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spojka.accounting.contract import Issued, Session
from spojka.connections.models import Connection
from spojka.core.document import Document as CoreDocument
from spojka.core.document import Kind
from spojka.core.outcome import EffectState, RejectedError, Rejection, UncertainError
from spojka.core.problem import Problem
from spojka.documents import actions, advance
from spojka.documents.models import Document, Effect
from spojka.engine import leases, wakes
from spojka.engine.models import Wake
from spojka.engine.wakes import Lease
from tests.documents.conftest import House, captured
from tests.documents.toy import ToySystem

pytestmark = pytest.mark.django_db


@pytest.fixture
def due(house: House, toy: ToySystem) -> Iterator[tuple[Effect, Lease]]:
    """Return an effect that is due, and the lease under which it may be done."""
    house.company.mode = "observe"
    house.company.save()
    order = house.take(captured("rest-20b-set-paid"))
    actions.issue(order, Kind.INVOICE, actor="Jana")
    lease = wakes.claim_key("order", str(order.pk))
    effect = advance.next_due(order.pk)
    assert lease is not None
    assert effect is not None
    yield effect, lease
    leases.end(lease)


def taken_over() -> None:
    """Let another worker have the order, and confirm what was under way."""
    Wake.objects.update(lease_token="another")
    Effect.objects.update(state=EffectState.CONFIRMED)


def test_an_intent_is_not_written_over_what_another_worker_did(due: tuple[Effect, Lease]) -> None:
    effect, lease = due
    taken_over()
    with pytest.raises(wakes.LeaseLostError):
        advance.run(effect, lease)
    stored = Effect.objects.get()
    assert (stored.state, stored.attempt) == (EffectState.CONFIRMED, 0)
    assert Document.objects.get().state == Document.State.PLANNED


@pytest.mark.parametrize("succeeds", [True, False])
def test_an_outcome_that_comes_too_late_is_not_stored_twice(
    due: tuple[Effect, Lease],
    toy: ToySystem,
    succeeds: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    effect, lease = due
    honest = toy.create

    def slow(s: Session, d: CoreDocument, key: str) -> Issued:
        made = honest(s, d, key)
        taken_over()
        if not succeeds:
            raise UncertainError(Problem.of("SPJ-NET-RESET", host="toy"))
        return made

    monkeypatch.setattr(toy, "create", slow)
    with pytest.raises(wakes.LeaseLostError):
        advance.run(effect, lease)
    assert Effect.objects.get().state == EffectState.CONFIRMED
    document = Document.objects.get()
    assert document.number == ""
    assert not document.events.filter(name__startswith="create.").exists()


@pytest.mark.parametrize("rejection", [Rejection.CONFIG, Rejection.DATA])
def test_a_refused_look_up_does_not_end_the_doubt(
    due: tuple[Effect, Lease],
    toy: ToySystem,
    rejection: Rejection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    effect, lease = due
    toy.after = [UncertainError(Problem.of("SPJ-NET-RESET", host="toy"))]
    advance.run(effect, lease)

    def refuse(*_args: object) -> None:
        raise RejectedError(Problem.of("SPJ-SHOP-LOGIN", shop="toy"), rejection)

    with monkeypatch.context() as refusing:
        refusing.setattr(toy, "look_up", refuse)
        advance.run(Effect.objects.get(), lease)
    # A person mends it and has it tried again: it is looked for, and not made once more.
    Connection.objects.update(paused_problem=None)
    if rejection is Rejection.DATA:
        actions.retry(Document.objects.get(), actor="Jana")
    advance.run(Effect.objects.get(), lease)
    assert Document.objects.get().number == "TOY0001"
    assert len(toy.created) == 1
