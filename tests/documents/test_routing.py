"""Which connection gets a document; what is switched off or cannot do it gets none silently."""

from __future__ import annotations

import pytest

from spojka.accounting.contract import Capability
from spojka.connections.models import Connection
from spojka.core.document import Kind
from spojka.core.outcome import EffectKind, RejectedError, Rejection
from spojka.core.problem import Problem
from spojka.core.rules import Conditions, Rule, conditions_to_json
from spojka.documents import actions, attention, rulebook
from spojka.documents.models import Document
from tests.documents.conftest import CREDIT, ON_PAYMENT, PROFORMA, House, captured
from tests.documents.toy import BusyToy, ToySystem

pytestmark = pytest.mark.django_db


@pytest.fixture
def both(toy: ToySystem, busy: BusyToy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make both toys accounting systems of the company; the simple one is the default."""
    from spojka.accounting import registry

    known = {**registry.systems(), "toy": toy}
    monkeypatch.setattr(registry, "systems", lambda: known)
    Connection.objects.filter(system="busy").update(default=False, position=5)


def connection(system: str) -> Connection:
    return Connection.objects.get(system=system)


def route(system: str, position: int = 5, **conditions: object) -> None:
    wanted = Conditions(**conditions)  # type: ignore[arg-type]
    Connection.objects.filter(system=system).update(
        conditions=conditions_to_json(wanted), position=position
    )


def issued_in(house: House, name: str = "rest-20b-set-paid") -> tuple[str, str, str]:
    """Issue an order's invoice; return its system, state and the code that holds it."""
    order = house.take(captured(name))
    document = house.only(order, Kind.INVOICE)
    assert document.connection is not None
    code = document.problems[0]["code"] if document.problems else ""
    return document.connection.system, document.state, code


def test_without_conditions_the_default_connection_issues(house: House, both: None) -> None:
    assert issued_in(house) == ("toy", "issued", "")


def test_the_first_by_position_whose_conditions_hold(house: House, both: None) -> None:
    route("toy", 2, currencies=("CZK",))
    route("busy", 1, countries=("CZ",), currencies=("CZK",))
    assert issued_in(house) == ("busy", "issued", "")


def test_conditions_that_do_not_hold_leave_it_to_the_default(house: House, both: None) -> None:
    route("busy", countries=("SK",))
    assert issued_in(house) == ("toy", "issued", "")


def test_a_rule_s_own_connection_wins_over_conditions(house: House, both: None) -> None:
    route("toy", countries=("CZ",))
    busy = connection("busy")
    house.rules(
        Rule("1", "r", Kind.INVOICE, Conditions(paid=True), connection=str(busy.pk)),
    )
    assert issued_in(house) == ("busy", "issued", "")


def test_what_follows_goes_where_the_first_one_is(house: House, both: None) -> None:
    route("busy", currencies=("CZK",))
    order = house.take(captured("rest-20-create-pending"))
    assert house.only(order, Kind.PROFORMA).connection == connection("busy")
    route("busy", currencies=("EUR",))
    house.take(captured("rest-20b-set-paid"))
    final = house.only(order, Kind.INVOICE)
    actions.credit(final, reason="x", actor="Jana")
    house.work()
    systems = set(order.documents.values_list("connection__system", flat=True))
    assert systems == {"busy"}
    assert house.only(order, Kind.CREDIT_NOTE).state == "issued"


# switched off


@pytest.mark.parametrize("how", ["default", "conditions", "rule"])
def test_what_would_go_to_a_connection_switched_off_is_held_until_it_is_on(
    house: House, both: None, toy: ToySystem, how: str
) -> None:
    system = "toy" if how == "default" else "busy"
    if how == "conditions":
        route("busy", countries=("CZ",))
    elif how == "rule":
        pk = str(connection("busy").pk)
        house.rules(Rule("1", "r", Kind.INVOICE, Conditions(paid=True), connection=pk))
    Connection.objects.filter(system=system).update(active=False)
    order = house.take(captured("rest-20b-set-paid"))
    held = house.only(order, Kind.INVOICE)
    assert (held.state, held.problems[0]["code"]) == ("held", "SPJ-CONNECTION-OFF")
    assert toy.created == []
    assert attention.count(house.company) == 1

    Connection.objects.filter(system=system).update(active=True)
    rulebook.wake_orders(house.company)
    house.work()
    held.refresh_from_db()
    assert held.state == "issued"


def test_a_held_one_goes_to_another_connection_once_that_is_chosen(
    house: House, both: None
) -> None:
    route("busy", countries=("CZ",))
    Connection.objects.filter(system="busy").update(active=False)
    order = house.take(captured("rest-20b-set-paid"))
    Connection.objects.filter(system="busy").update(conditions={})
    rulebook.wake_orders(house.company)
    house.work()
    invoice = house.only(order, Kind.INVOICE)
    assert (invoice.state, invoice.connection) == ("issued", connection("toy"))


def test_nothing_is_chosen_as_default(house: House, both: None) -> None:
    Connection.objects.filter(system="own").delete()
    assert issued_in(house) == ("toy", "issued", "")
    Connection.objects.update(default=False)
    Connection.objects.create(company=house.company, system="own", name="Own", active=True)
    assert issued_in(house, "rest-22-negative-fee")[1:] == ("held", "SPJ-CONNECTION-NO-DEFAULT")


def test_what_waits_when_a_connection_is_switched_off_is_not_sent(
    house: House, both: None, toy: ToySystem
) -> None:
    Connection.objects.filter(system="toy").update(paused_problem={"code": "SPJ-SHOP-KEY"})
    order = house.take(captured("rest-20b-set-paid"))
    assert house.only(order, Kind.INVOICE).state == "planned"
    Connection.objects.filter(system="toy").update(paused_problem=None, active=False)
    rulebook.wake_orders(house.company)
    house.work()
    assert house.only(order, Kind.INVOICE).problems[0]["code"] == "SPJ-CONNECTION-OFF"
    assert toy.created == []


def test_nothing_more_is_done_with_documents_of_a_connection_switched_off(
    house: House, both: None, toy: ToySystem
) -> None:
    order = house.take(captured("rest-20b-set-paid"))
    invoice = house.only(order, Kind.INVOICE)
    Connection.objects.filter(system="toy").update(active=False)
    invoice = Document.objects.get(pk=invoice.pk)
    with pytest.raises(actions.ActionRefused, match="SPJ-CONNECTION-OFF"):
        actions.cancel(invoice, actor="Jana")
    invoice.effects.filter(kind=EffectKind.PDF).update(state="planned")
    before = list(toy.calls)
    rulebook.wake_orders(house.company)
    house.work()
    assert toy.calls == before


# what a system cannot do


def without(*missing: Capability) -> frozenset[Capability]:
    return ToySystem.descriptor.capabilities - set(missing)


def limit(monkeypatch: pytest.MonkeyPatch, toy: ToySystem, *missing: Capability) -> None:
    from dataclasses import replace

    descriptor = replace(ToySystem.descriptor, capabilities=without(*missing))
    monkeypatch.setattr(toy, "descriptor", descriptor)


@pytest.mark.parametrize(
    ("missing", "kind"),
    [
        (Capability.PROFORMA, Kind.PROFORMA),
        (Capability.FINAL, Kind.INVOICE),
        (Capability.CREDIT_NOTE, Kind.CREDIT_NOTE),
    ],
)
def test_a_kind_that_the_system_cannot_make_is_held(
    house: House,
    toy: ToySystem,
    monkeypatch: pytest.MonkeyPatch,
    missing: Capability,
    kind: Kind,
) -> None:
    limit(monkeypatch, toy, missing)
    order = house.take(captured("rest-20-create-pending"))
    if kind is not Kind.PROFORMA:
        house.take(captured("rest-20b-set-paid"))
    if kind is Kind.CREDIT_NOTE:
        actions.credit(house.only(order, Kind.INVOICE), reason="x", actor="Jana")
        house.work()
    held = house.only(order, kind)
    assert (held.state, held.problems[0]["code"]) == ("held", "SPJ-CONNECTION-CANNOT")
    assert held.problems[0]["facts"]["what"] == f"@can-{missing}"


def test_what_the_system_cannot_do_is_refused_and_not_planned_by_itself(
    house: House, toy: ToySystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, toy, Capability.PAY, Capability.CANCEL, Capability.UNPAY, Capability.PDF)
    order = house.take(captured("rest-20-create-pending"))
    house.take(captured("rest-20-create-pending", status="cancelled"))
    proforma = house.only(order, Kind.PROFORMA)
    assert list(proforma.effects.values_list("kind", flat=True)) == ["create"]
    for act in (
        lambda: actions.mark_paid(proforma, paid_on=proforma.created_at.date(), actor="Jana"),
        lambda: actions.unpay(proforma, actor="Jana"),
        lambda: actions.cancel(proforma, actor="Jana"),
        lambda: actions.delete(proforma, actor="Jana"),
    ):
        with pytest.raises(actions.ActionRefused, match="SPJ-CONNECTION-CANNOT"):
            act()


# pausing


def test_a_refused_key_pauses_one_connection_once_and_not_the_other(
    house: House, both: None, toy: ToySystem, busy: BusyToy
) -> None:
    route("busy", min_total=None, payment_methods=("bacs",))
    problem = Problem.of("SPJ-SHOP-KEY", shop="toy")
    toy.before = [RejectedError(problem, Rejection.CONFIG)]
    house.rules(PROFORMA, ON_PAYMENT, CREDIT)
    first = house.take(captured("rest-20b-set-paid", id=9001, number="9001", payment_method="cod"))
    second = house.take(captured("rest-20b-set-paid", id=9002, number="9002", payment_method="cod"))
    other = house.take(captured("rest-20b-set-paid", id=9003, number="9003", payment_method="bacs"))
    states = [house.only(order, Kind.INVOICE).state for order in (first, second, other)]
    assert states == ["planned", "planned", "issued"]
    groups = attention.groups(house.company, "en")
    assert [(group.code, group.count) for group in groups] == [("SPJ-SHOP-KEY", 1)]
    assert toy.calls == ["create"]

    assert actions.retry_all(house.company, "SPJ-SHOP-KEY", actor="Jana") == 1
    house.work()
    states = [house.only(order, Kind.INVOICE).state for order in (first, second)]
    assert states == ["issued", "issued"]


def test_documents_of_a_simulated_connection_are_tests(house: House, both: None) -> None:
    house.shop.write_back = True
    house.shop.save()
    house.company.email_after_issuing = True
    house.company.save()
    Connection.objects.filter(system="toy").update(simulated=True)
    order = house.take(captured("rest-20b-set-paid"))
    invoice = house.only(order, Kind.INVOICE)
    assert (invoice.test, invoice.core().test) == (True, True)
    assert sorted(invoice.effects.values_list("kind", flat=True)) == ["create", "pdf"]
    with pytest.raises(actions.ActionRefused, match="SPJ-TEST-NOT-SENT"):
        actions.send_email(invoice, actor="Jana")
