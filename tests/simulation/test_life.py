"""R5: whatever arrives twice, late, out of order or not at all, the documents are the same.

A machine lives the life of one order: it is placed, paid, edited, refunded, cancelled, removed,
while rules and mode change, and hints of it are delivered in any order, up to three times, or lost.
In the end the same states of the order that Spojka has seen are shown to a fresh installation once
each, in their order, with nothing lost and nothing doubled: its documents have to be the same, to
the last byte of their content.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from pytest_django import DjangoDbBlocker

from spojka.companies.models import Company
from spojka.core.document import Kind
from spojka.core.rules import Rule
from spojka.documents import planning, rulebook
from spojka.documents.models import Document, Effect
from spojka.orders import intake, polling
from spojka.orders.models import Order
from tests.simulation import installation
from tests.simulation.chaos import Chaos, Rates
from tests.simulation.database import Snapshot
from tests.simulation.shop import Payload, line, refund, rows
from tests.simulation.simulator import START, Simulation
from tests.simulation.world import RULES, World, rule_of, shop_row

ID = "1"
SHOP = "shop-own"
RULE_SETS: dict[str, tuple[Rule, ...]] = {
    "usual": RULES,
    "on completion": (
        rule_of(Kind.INVOICE, statuses=("completed",)),
        rule_of(Kind.CREDIT_NOTE, statuses=("completed", "refunded")),
    ),
    "taxed payments": (
        rule_of(Kind.PROFORMA, paid=False),
        rule_of(Kind.TAX_DOCUMENT, paid=True),
        rule_of(Kind.INVOICE, statuses=("completed",)),
        rule_of(Kind.CREDIT_NOTE),
    ),
    "none": (),
}
ARRIVAL = st.sampled_from(["once", "once", "thrice", "late", "lost"])
"""How the hint of a change arrives: one of five is lost."""
STATUS = st.sampled_from(
    ["on-hold", "processing", "processing", "completed", "completed", "cancelled", "refunded"]
)
EXAMPLES = int(os.environ.get("SPOJKA_LIFE_EXAMPLES", "15"))
STEPS = int(os.environ.get("SPOJKA_LIFE_STEPS", "25"))


class House:
    """One installation with its world, made anew from the snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        snapshot.restore()
        self._stack = ExitStack()
        self.clock = self._stack.enter_context(time_machine.travel(START, tick=False))
        chaos = Chaos(random.Random(0), self.clock, Rates(0, 0, 0, 0, 0), active=False)
        self.world = World.of(chaos)
        self._stack.enter_context(self.world.connected())
        self.simulation = Simulation(chaos, self.world)
        self.shop = self.world.shops[SHOP]
        self.row = shop_row(self.shop)
        self.company = self.row.company
        self.simulation.work()

    def close(self) -> None:
        self._stack.close()

    def deliver(self, copies: int = 1) -> None:
        for _ in range(copies):
            intake.receive(self.row, via="webhook", body=json.dumps({"id": ID}).encode())
        self.simulation.work()

    def poll(self) -> None:
        polling.poll(self.row.pk)
        self.simulation.work()

    def use_rules(self, name: str) -> None:
        rulebook.replace_rules(self.company, RULE_SETS[name], actor="Jana")
        self.simulation.work()

    def use_mode(self, mode: str) -> None:
        self.company.mode = mode
        self.company.save(update_fields=["mode"])
        rulebook.wake_orders(self.company)
        self.simulation.work()

    def order(self) -> Order | None:
        return Order.objects.filter(shop=self.row, external_id=ID).first()

    def seen(self) -> tuple[int | None, bool]:
        """Return what Spojka knows of the order: its version, and whether it is gone."""
        order = self.order()
        if order is None:
            return None, False
        return order.versions.count(), order.deleted_at is not None

    def documents(self) -> list[Any]:
        """Return everything that stands on the order's documents, and what was done for them."""
        return [
            (
                *(row.kind, row.ordinal, row.refund_id, row.state, row.number, row.total),
                *(row.paid_amount, row.content, row.problems, row.changed_problem),
                list(row.effects.order_by("key").values_list("key", "state", "parameters")),
            )
            for row in Document.objects.order_by("pk")
        ]


class Life(RuleBasedStateMachine):
    """The life of one order, seen through hints that come as they please."""

    snapshot: ClassVar[Snapshot]
    issued: ClassVar[Counter[str]] = Counter()
    """Kinds of documents that lives have ended with, lest this prove something of nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House(self.snapshot)
        self.late = 0
        self.story: list[tuple[str, Any]] = []
        self.lines = [line("a", Decimal("1210.00"), 21, 2), line("b", Decimal("336.00"), 12)]
        self.refunds: list[Payload] = []

    @initialize(
        arrival=ARRIVAL,
        method=st.sampled_from(["card", "bacs", "cod"]),
        paid=st.booleans(),
        rules=st.sampled_from(["usual", "taxed payments"]),
    )
    def place(self, arrival: str, method: str, paid: bool, rules: str) -> None:
        self.use_rules(rules)
        now = timezone.now().isoformat()
        self._change(
            arrival,
            number="2026001",
            status="processing" if paid or method == "cod" else "on-hold",
            created_at=now,
            paid_at=now if paid else None,
            payment_method=method,
            customer={
                "address": {"name": "Jana Nová", "country": "CZ"},
                "email": "jana@example.test",
            },
            **rows(*self.lines),
        )

    # what the shop does

    def _change(self, arrival: str, **fields: Any) -> None:
        if "created_at" in fields or ID in self.house.shop.orders:
            self.house.clock.shift(timedelta(seconds=1))
            self.house.shop.change(ID, **fields)
            self._hint(arrival)

    def _hint(self, arrival: str) -> None:
        if arrival == "late":
            self.late += 1
        elif arrival != "lost":
            self._watch(lambda: self.house.deliver(3 if arrival == "thrice" else 1))

    @rule(arrival=ARRIVAL)
    def pay(self, arrival: str) -> None:
        self._change(arrival, paid_at=timezone.now().isoformat(), status="processing")

    @rule(arrival=ARRIVAL, status=STATUS)
    def change_status(self, arrival: str, status: str) -> None:
        self._change(arrival, status=status)

    @rule(
        arrival=ARRIVAL,
        gross=st.decimals("1.00", "999.00", places=2),
        rate=st.sampled_from([12, 21]),
    )
    def edit(self, arrival: str, gross: Decimal, rate: int) -> None:
        self.lines = [line("a", gross, rate), *self.lines[1:]]
        self._change(arrival, **rows(*self.lines))

    @rule(arrival=ARRIVAL, kind=st.sampled_from(["row", "amount", "whole"]))
    def refund(self, arrival: str, kind: str) -> None:
        key = f"r{len(self.refunds) + 1}"
        row = self.lines[-1]
        worth = {
            "row": Decimal(row["net"]) + Decimal(row["tax"]),
            "amount": Decimal("5.00"),
            "whole": Decimal(str(self.house.shop.orders.get(ID, {}).get("total", "1"))),
        }[kind]
        made = refund(key, timezone.now(), worth, *([row] if kind == "row" else []))
        self.refunds.append(made)
        self._change(arrival, refunds=list(self.refunds))

    @rule(arrival=ARRIVAL)
    def remove(self, arrival: str) -> None:
        if ID in self.house.shop.orders and len(self.story) > 4:
            self.house.shop.remove(ID)
            self._hint(arrival)

    # what reaches Spojka

    @rule(copies=st.integers(1, 3))
    def deliver_late(self, copies: int) -> None:
        """Deliver a hint of long ago; it is read again as the order is now."""
        if self.late:
            self.late -= 1
            self._watch(lambda: self.house.deliver(copies))

    @rule()
    def poll(self) -> None:
        self._watch(self.house.poll)

    def _watch(self, work: Any) -> None:
        before = self.house.seen()
        payload = copy.deepcopy(self.house.shop.orders.get(ID))
        work()
        if self.house.seen() != before:
            self.story.append(("seen", payload))

    # what people do

    @rule(name=st.sampled_from(sorted(RULE_SETS)))
    def use_rules(self, name: str) -> None:
        self.story.append(("rules", name))
        self.house.use_rules(name)

    @rule(mode=st.sampled_from([Company.Mode.OBSERVE, Company.Mode.LIVE, Company.Mode.LIVE]))
    def use_mode(self, mode: str) -> None:
        self.story.append(("mode", str(mode)))
        self.house.use_mode(mode)

    # the end

    def teardown(self) -> None:
        try:
            if ID in self.house.shop.orders:
                self._watch(self.house.poll)
            self._prove_the_end()
            Life.issued.update(Document.objects.exclude(number="").values_list("kind", flat=True))
            documents, mails = self.house.documents(), dict(self.house.world.mail.accepted)
        finally:
            self.house.close()
        clean = House(self.snapshot)
        try:
            for what, value in self.story:
                _tell(clean, what, value)
            assert clean.documents() == documents
            assert dict(clean.world.mail.accepted) == mails
        finally:
            clean.close()

    def _prove_the_end(self) -> None:
        order = self.house.order()
        if order is None:
            assert not Effect.objects.exists()
            return
        documents = list(order.documents.order_by("pk"))
        invoices = [row for row in documents if row.kind == Kind.INVOICE and row.number]
        assert len(invoices) <= 1
        notes = [row for row in documents if row.kind == Kind.CREDIT_NOTE and row.number]
        assert len({row.refund_id for row in notes}) == len(notes)
        given = sum((row.total or Decimal(0) for row in notes), Decimal(0))
        billed = sum((row.total or Decimal(0) for row in invoices), Decimal(0))
        assert billed + given >= 0, "more was given back than was invoiced"
        core = order.content()
        company = Company.objects.get(pk=order.company_id)
        if company.mode == Company.Mode.LIVE and order.deleted_at is None:
            decision = rulebook.decide(order, core)
            due = list(planning.due_documents(order, core, decision, documents))
            assert due == [], "what the rules select is there"


def _tell(house: House, what: str, value: Any) -> None:
    if what == "rules":
        house.use_rules(value)
    elif what == "mode":
        house.use_mode(value)
    else:
        if value is None:
            house.shop.remove(ID)
        else:
            house.shop.orders[ID] = value
        house.deliver()


@pytest.fixture(scope="module")
def snapshot(django_db_blocker: DjangoDbBlocker) -> Iterator[Snapshot]:
    with django_db_blocker.unblock(), installation.furnished() as made:
        yield made


def test_r5_any_permutation_ends_in_the_same_documents(snapshot: Snapshot) -> None:
    Life.snapshot = snapshot
    Life.issued.clear()
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize="SPOJKA_LIFE_EXAMPLES" not in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert {Kind.INVOICE, Kind.PROFORMA, Kind.CREDIT_NOTE} <= set(Life.issued)


def test_a_life_in_which_every_kind_of_document_is_issued(snapshot: Snapshot) -> None:
    Life.snapshot = snapshot
    Life.issued.clear()
    life = Life()
    life.place("thrice", "bacs", False, "taxed payments")
    life.pay("late")
    life.deliver_late(3)
    life.refund("thrice", "row")
    life.refund("lost", "amount")
    life.poll()
    life.change_status("once", "completed")
    life.teardown()
    assert set(Life.issued) == {kind.value for kind in Kind}
    assert Life.issued["credit_note"] == 2
