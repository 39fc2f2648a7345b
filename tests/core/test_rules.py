"""Rules: the first match of a kind fires, and every other rule says why it did not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spojka.core.catalogue import LANGUAGES, explain
from spojka.core.dates import IssueDate
from spojka.core.document import Kind
from spojka.core.order import Address, Customer, Order
from spojka.core.rules import (
    Conditions,
    Conflict,
    Decision,
    Miss,
    OrderFacts,
    Rule,
    Switches,
    conflicts,
    decide,
    problems,
    rule_from_json,
    rule_to_json,
)

ORDER = Order(
    external_id="1",
    number="1",
    status="processing",
    currency="CZK",
    total=Decimal(500),
    created_at=datetime(2026, 3, 1, 8, 0, tzinfo=UTC),
    customer=Customer(address=Address(name="Jana", country="cz")),
    lines=(),
    payment_method="gopay_card",
    shipping_method="flat_rate:3",
)
FACTS = OrderFacts.of(ORDER, shop="main")


def invoice(name: str = "rule", **conditions: Any) -> Rule:
    return Rule(id=name, name=name, kind=Kind.INVOICE, conditions=Conditions(**conditions))


def fires(facts: OrderFacts = FACTS, **conditions: Any) -> bool:
    return bool(decide(facts, [invoice(**conditions)]).fired)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, True),
        ({"shops": ("main", "other")}, True),
        ({"shops": ("other",)}, False),
        ({"statuses": ("on-hold", "processing")}, True),
        ({"statuses": ("process*",)}, False),
        ({"paid": False}, True),
        ({"paid": True}, False),
        ({"payment_methods": ("bacs", "GoPay*")}, True),
        ({"payment_methods": ("gopay",)}, False),
        ({"payment_methods": ("gopay_?ard",)}, True),
        ({"shipping_methods": ("flat_rate*",)}, True),
        ({"shipping_methods": ("[f]lat_rate*",)}, False),
        ({"countries": ("CZ",)}, True),
        ({"countries": ("eu",)}, True),
        ({"countries": ("!SK",)}, True),
        ({"countries": ("EU", "!CZ")}, False),
        ({"countries": ("!EU",)}, False),
        ({"countries": ("SK", "PL")}, False),
        ({"currencies": ("CZK",)}, True),
        ({"currencies": ("EUR",)}, False),
        ({"business": False}, True),
        ({"business": True}, False),
        ({"min_total": Decimal("500.00")}, True),
        ({"min_total": Decimal("500.01")}, False),
        ({"max_total": Decimal(500)}, True),
        ({"max_total": Decimal("499.99")}, False),
    ],
)
def test_each_condition(conditions: dict[str, Any], expected: bool) -> None:
    assert fires(**conditions) is expected


def test_an_order_of_unknown_country_fits_no_country() -> None:
    unknown = replace(FACTS, country="")
    assert fires(unknown)
    assert not fires(unknown, countries=("EU",))
    assert not fires(unknown, countries=("!CZ",))


def test_countries_are_known_by_all_their_names() -> None:
    assert fires(replace(FACTS, country="GR"), countries=("EL",))
    assert fires(replace(FACTS, country="MC"), countries=("EU",))
    before_brexit = replace(FACTS, country="GB", placed_on=date(2020, 12, 31))
    assert fires(before_brexit, countries=("EU",))
    assert not fires(replace(before_brexit, placed_on=date(2021, 1, 1)), countries=("EU",))


def test_the_facts_of_an_order() -> None:
    business = replace(
        ORDER,
        customer=Customer(company_id="27082440"),
        delivery=Address(country="SK"),
        paid_at=datetime(2026, 3, 2, tzinfo=UTC),
    )
    facts = OrderFacts.of(business, shop="main")
    assert (facts.country, facts.business, facts.paid) == ("SK", True, True)


def test_the_first_match_of_each_kind_fires() -> None:
    rules = [
        invoice("late", statuses=("completed",)),
        Rule("pro", "pro", Kind.PROFORMA, Conditions(paid=False)),
        invoice("first"),
        invoice("second"),
    ]
    decision = decide(FACTS, rules)
    assert [rule.id for rule in decision.fired] == ["first", "pro"]
    assert decision.problem is None
    assert decision.of(Kind.CREDIT_NOTE).misses == ()


def test_the_why_names_the_first_condition_that_failed() -> None:
    rules = [
        replace(invoice("off"), enabled=False),
        invoice("a", statuses=("completed", "shipped"), currencies=("EUR",)),
        invoice("b", statuses=("processing",), payment_methods=("bacs", "cod")),
        invoice("c", min_total=Decimal(1000)),
        invoice("d", business=True),
    ]
    decision = decide(FACTS, rules)
    assert decision.of(Kind.INVOICE).misses == (
        Miss("off", "off", "enabled", "true", "false"),
        Miss("a", "a", "statuses", "completed, shipped", "processing"),
        Miss("b", "b", "payment_methods", "bacs, cod", "gopay_card"),
        Miss("c", "c", "min_total", "1000", "500"),
        Miss("d", "d", "business", "true", "false"),
    )
    assert decision.problem is not None
    assert decision.problem.code == "SPJ-NO-RULE"


@pytest.mark.parametrize(
    ("conditions", "on_status", "on_payment", "expected"),
    [
        ({}, True, False, True),
        ({}, False, True, False),
        ({"statuses": ("processing",)}, True, False, True),
        ({"statuses": ("processing",)}, False, True, False),
        ({"paid": True}, True, False, False),
        ({"paid": True}, False, True, True),
        ({"statuses": ("processing",), "paid": True}, True, False, True),
        ({"statuses": ("processing",), "paid": True}, False, True, True),
        ({"statuses": ("processing",), "paid": True}, False, False, False),
        ({"paid": False}, False, True, False),
    ],
)
def test_switches_open_the_ways_to_fire(
    conditions: dict[str, Any], on_status: bool, on_payment: bool, expected: bool
) -> None:
    facts = replace(FACTS, paid=conditions.get("paid", True))
    switches = Switches(on_status=on_status, on_payment=on_payment)
    decision = decide(facts, [invoice(**conditions)], switches)
    assert bool(decision.fired) is expected
    if not expected:
        assert decision.of(Kind.INVOICE).misses[0].condition == "switches"


def test_a_rule_overrides_the_email_switch() -> None:
    assert Switches(email_after_issuing=True).emails(invoice())
    assert not Switches(email_after_issuing=True).emails(replace(invoice(), email=False))
    assert Switches(email_after_issuing=False).emails(replace(invoice(), email=True))


# ── Properties ────────────────────────────────────────────────────────────────────────────────

METHODS = st.sampled_from(["cod", "gopay_card", "gopay_bank", "bacs", ""])
PATTERNS = st.sampled_from(["cod", "gopay*", "*card", "gopay_????", "*", "go*_*", "[x]"])
COUNTRIES = st.sampled_from(["CZ", "SK", "GR", "GB", "XI", "US", ""])


def some(items: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.just(()) | st.lists(items, min_size=1, max_size=3).map(tuple)


CONDITIONS = st.builds(
    Conditions,
    statuses=some(st.sampled_from(["processing", "completed"])),
    paid=st.sampled_from([None, None, True, False]),
    payment_methods=some(PATTERNS),
    countries=some(st.sampled_from(["CZ", "EU", "!CZ", "!EU", "EL", "US", "!US", "GB"])),
    business=st.sampled_from([None, None, True, False]),
    min_total=st.none() | st.integers(0, 3).map(Decimal),
    max_total=st.none() | st.integers(1, 4).map(Decimal),
)
RULES = st.lists(
    st.builds(
        Rule,
        id=st.text(min_size=1, max_size=4),
        name=st.text(max_size=4),
        kind=st.sampled_from([Kind.INVOICE, Kind.PROFORMA]),
        conditions=CONDITIONS,
        enabled=st.sampled_from([True, True, False]),
        issued_on=st.none() | st.sampled_from(IssueDate),
        email=st.sampled_from([None, True, False]),
        prefill=st.dictionaries(st.sampled_from(["note_above", "line_name"]), st.text()),
    ),
    max_size=5,
)
FACT = st.builds(
    OrderFacts,
    shop=st.just("main"),
    status=st.sampled_from(["processing", "completed", "cancelled"]),
    paid=st.booleans(),
    payment_method=METHODS,
    shipping_method=st.just(""),
    country=COUNTRIES,
    currency=st.just("CZK"),
    business=st.booleans(),
    total=st.integers(0, 5).map(Decimal),
    placed_on=st.just(date(2026, 3, 1)),
)
SWITCHES = st.builds(Switches, on_status=st.booleans(), on_payment=st.booleans())


@given(facts=FACT, rules=RULES, more=RULES, switches=SWITCHES)
def test_rules_after_a_match_never_change_the_outcome(
    facts: OrderFacts, rules: list[Rule], more: list[Rule], switches: Switches
) -> None:
    before, after = decide(facts, rules, switches), decide(facts, [*rules, *more], switches)
    for kind in Kind:
        if before.of(kind).fired is not None:
            assert after.of(kind) == before.of(kind)


@given(facts=FACT, rules=RULES, switches=SWITCHES)
def test_a_rule_that_missed_can_be_removed(
    facts: OrderFacts, rules: list[Rule], switches: Switches
) -> None:
    decision = decide(facts, rules, switches)
    for kind in Kind:
        fired = decision.of(kind).fired
        kept = [] if fired is None else [fired]
        assert decide(facts, kept, switches).fired == tuple(kept)


@given(facts=FACT, rules=RULES, switches=SWITCHES)
def test_every_rule_before_the_match_says_why(
    facts: OrderFacts, rules: list[Rule], switches: Switches
) -> None:
    decision = decide(facts, rules, switches)
    for kind in Kind:
        of_kind = [rule for rule in rules if rule.kind is kind]
        found = decision.of(kind)
        misses = [miss.rule_id for miss in found.misses]
        assert misses == [rule.id for rule in of_kind[: len(misses)]]
        if found.fired is None:
            assert len(misses) == len(of_kind)
        else:
            assert found.fired == of_kind[len(misses)]


@given(facts=FACT, rules=RULES, switches=SWITCHES)
def test_closing_the_switches_only_takes_away(
    facts: OrderFacts, rules: list[Rule], switches: Switches
) -> None:
    assert decide(facts, rules, Switches(on_status=False, on_payment=False)).fired == ()
    for kind in Kind:
        if decide(facts, rules, switches).of(kind).fired is not None:
            assert decide(facts, rules).of(kind).fired is not None


@given(facts=FACT, rules=RULES, switches=SWITCHES)
def test_a_decision_survives_storage(
    facts: OrderFacts, rules: list[Rule], switches: Switches
) -> None:
    decision = decide(facts, rules, switches)
    assert Decision.from_json(json.loads(json.dumps(decision.to_json()))) == decision
    for rule in rules:
        assert rule_from_json(json.loads(json.dumps(rule_to_json(rule)))) == rule


@given(facts=FACT, rules=RULES, switches=SWITCHES)
def test_an_unreachable_rule_never_fires(
    facts: OrderFacts, rules: list[Rule], switches: Switches
) -> None:
    numbered = [replace(rule, id=str(position)) for position, rule in enumerate(rules)]
    unreachable = {conflict.rule.id for conflict in conflicts(numbered, switches)}
    fired = {rule.id for rule in decide(facts, numbered, switches).fired}
    assert not fired & unreachable


@pytest.mark.parametrize(
    ("earlier", "later", "unreachable"),
    [
        ({}, {"statuses": ("processing",)}, True),
        ({"statuses": ("a", "b")}, {"statuses": ("b",)}, True),
        ({"statuses": ("a",)}, {"statuses": ("a", "b")}, False),
        ({"statuses": ("a",)}, {}, False),
        ({"payment_methods": ("go*",)}, {"payment_methods": ("gopay*", "gocard")}, True),
        ({"payment_methods": ("gopay?",)}, {"payment_methods": ("gopay*",)}, False),
        ({"countries": ("EU",)}, {"countries": ("SK", "PL")}, True),
        ({"countries": ("!CZ",)}, {"countries": ("EU", "!CZ")}, True),
        ({"countries": ("EU",)}, {"countries": ("!CZ",)}, False),
        ({"min_total": Decimal(10)}, {"min_total": Decimal(20)}, True),
        ({"max_total": Decimal(10)}, {"max_total": Decimal(20)}, False),
        ({"paid": True}, {"paid": True, "business": True}, True),
        ({"business": True}, {"business": False}, False),
    ],
)
def test_what_covers_what(
    earlier: dict[str, Any], later: dict[str, Any], unreachable: bool
) -> None:
    first, second = invoice("first", **earlier), invoice("second", **later)
    expected = (Conflict(second, first),) if unreachable else ()
    assert conflicts([first, second]) == expected


def test_rules_of_other_kinds_and_disabled_ones_cover_nothing() -> None:
    proforma = Rule("p", "p", Kind.PROFORMA)
    off = replace(invoice("off"), enabled=False)
    assert conflicts([proforma, off, invoice("last")]) == ()


@pytest.mark.parametrize(
    "rule",
    [
        invoice(min_total=Decimal(2), max_total=Decimal(1)),
        invoice(countries=("Czechia",)),
        invoice(countries=("!",)),
        invoice(currencies=("Kč",)),
        replace(invoice(), prefill={"note_above": "{order.nmber}"}),
        replace(invoice(), prefill={"note_above": "{order.product.name}"}),
        replace(invoice(), prefill={"note_above": "{"}),
    ],
)
def test_a_rule_that_cannot_be_used_is_named(rule: Rule) -> None:
    found = problems(rule)
    assert len(found) == 1
    for language in LANGUAGES:
        assert "@" not in explain(found[0], language).cause


def test_a_good_rule_has_no_problem() -> None:
    rule = replace(
        invoice(countries=("EU", "!cz"), currencies=("EUR",), min_total=Decimal(1)),
        prefill={"note_above": "{order.number}", "line_name": "{order.product.name}"},
    )
    assert problems(rule) == ()
