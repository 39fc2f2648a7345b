"""Rules: which documents are due for an order, and why.

Rules are rows in an order of precedence. For each kind of document the first row whose conditions
all hold fires; the rest of that kind is not looked at. An empty condition holds always. The
decision keeps, for every row that did not fire, the first condition that failed: the *why*.

A rule is set off by the status of the order or by its payment, and the company's switches open
these two ways (:class:`Switches`). A rule that lists statuses, or lists no statuses and does not
demand payment, is set off by the status (or the arrival) of the order. A rule that demands payment
is set off by the payment. A rule with both is set off by either, once both hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from spojka.core.dates import IssueDate, fits
from spojka.core.document import Kind
from spojka.core.money import plain
from spojka.core.order import Order
from spojka.core.problem import Problem
from spojka.core.tax import EU_COUNTRIES, is_eu, vat_country
from spojka.core.variables import Scope, VariableError, check


@dataclass(frozen=True, slots=True)
class Conditions:
    """What an order must be like. An empty or ``None`` condition holds for every order."""

    shops: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    """Exact statuses of the shop."""
    paid: bool | None = None
    payment_methods: tuple[str, ...] = ()
    """Methods or patterns: ``gopay*``."""
    shipping_methods: tuple[str, ...] = ()
    """Methods or patterns: ``flat_rate*``."""
    countries: tuple[str, ...] = ()
    """ISO codes, ``EU``, and their negations: ``EU, !CZ`` is the EU without Czechia. An order whose
    country is not known fits none."""
    currencies: tuple[str, ...] = ()
    business: bool | None = None
    min_total: Decimal | None = None
    """Smallest total, inclusive, in whatever currency the order is: name the currency, too."""
    max_total: Decimal | None = None
    """Largest total, inclusive."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: the conditions, and how the document is then made."""

    id: str
    name: str
    kind: Kind
    conditions: Conditions = Conditions()
    enabled: bool = True
    connection: str = ""
    """Accounting system to issue in; empty: the company's default."""
    series: str = ""
    issued_on: IssueDate | None = None
    """``None``: the company's setting."""
    email: bool | None = None
    """``None``: the switch *email after issuing* decides."""
    language: str = ""
    prefill: Mapping[str, str] = field(default_factory=dict)
    """Fields of the document by name, with variables."""


@dataclass(frozen=True, slots=True)
class Switches:
    """The company's switches of automatic issuing."""

    on_status: bool = True
    """Rules are evaluated when an order arrives or its status changes."""
    on_payment: bool = True
    """Rules that demand payment are evaluated when an order is paid."""
    final_after_proforma: bool = True
    """A paid proforma makes the invoice due; for the planner, rules do not read it."""
    email_after_issuing: bool = False

    def open_for(self, rule: Rule) -> bool:
        """Tell whether a rule may fire by itself."""
        demands_payment = rule.conditions.paid is True
        by_status = bool(rule.conditions.statuses) or not demands_payment
        return (by_status and self.on_status) or (demands_payment and self.on_payment)

    def emails(self, rule: Rule) -> bool:
        """Tell whether the document of a rule is to be e-mailed once it is confirmed."""
        return self.email_after_issuing if rule.email is None else rule.email


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What rules can see of an order."""

    shop: str
    status: str
    paid: bool
    payment_method: str
    shipping_method: str
    country: str
    currency: str
    business: bool
    total: Decimal
    placed_on: date

    @classmethod
    def of(cls, order: Order, *, shop: str) -> OrderFacts:
        """Read the facts of an order that came from the shop with this key."""
        return cls(
            shop=shop,
            status=order.status,
            paid=order.is_paid,
            payment_method=order.payment_method,
            shipping_method=order.shipping_method,
            country=order.country.upper(),
            currency=order.currency,
            business=order.customer.is_business,
            total=order.total,
            placed_on=order.created_at.date(),
        )


@dataclass(frozen=True, slots=True)
class Miss:
    """Why a rule did not fire: the first condition that failed, what it wanted, what was found.

    ``condition`` is a field of :class:`Conditions`, ``enabled`` (the rule is switched off) or
    ``switches`` (the company's switch that would set it off is closed).
    """

    rule_id: str
    rule_name: str
    condition: str
    wanted: str
    found: str


@dataclass(frozen=True, slots=True)
class KindDecision:
    """The decision on one kind of document; ``misses`` are the rules before the one that fired."""

    kind: Kind
    fired: Rule | None = None
    misses: tuple[Miss, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on every kind of document, in the order of :class:`Kind`."""

    kinds: tuple[KindDecision, ...]

    def of(self, kind: Kind) -> KindDecision:
        """Return the decision on one kind."""
        return next((found for found in self.kinds if found.kind is kind), KindDecision(kind))

    @property
    def fired(self) -> tuple[Rule, ...]:
        """Rules that fired, at most one of a kind."""
        return tuple(found.fired for found in self.kinds if found.fired is not None)

    @property
    def problem(self) -> Problem | None:
        """``SPJ-NO-RULE`` where nothing is due."""
        return None if self.fired else Problem.of("SPJ-NO-RULE")

    def to_json(self) -> dict[str, Any]:
        """Return the decision as plain JSON, to be stored with the order."""
        return {
            found.kind.value: {
                "fired": None if found.fired is None else rule_to_json(found.fired),
                "misses": [
                    {
                        "rule": miss.rule_id,
                        "name": miss.rule_name,
                        "condition": miss.condition,
                        "wanted": miss.wanted,
                        "found": miss.found,
                    }
                    for miss in found.misses
                ],
            }
            for found in self.kinds
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Decision:
        """Read what :meth:`to_json` wrote."""
        return cls(
            tuple(
                KindDecision(
                    kind=Kind(kind),
                    fired=None if row["fired"] is None else rule_from_json(row["fired"]),
                    misses=tuple(
                        Miss(m["rule"], m["name"], m["condition"], m["wanted"], m["found"])
                        for m in row["misses"]
                    ),
                )
                for kind, row in data.items()
            )
        )


def decide(facts: OrderFacts, rules: Sequence[Rule], switches: Switches = Switches()) -> Decision:
    """Decide which documents are due for an order, by rules in their order of precedence."""
    return Decision(tuple(_decide_kind(kind, facts, rules, switches) for kind in Kind))


def _decide_kind(
    kind: Kind, facts: OrderFacts, rules: Iterable[Rule], switches: Switches
) -> KindDecision:
    misses: list[Miss] = []
    for rule in rules:
        if rule.kind is not kind:
            continue
        miss = _first_miss(rule, facts, switches)
        if miss is None:
            return KindDecision(kind, rule, tuple(misses))
        misses.append(miss)
    return KindDecision(kind, None, tuple(misses))


def _first_miss(rule: Rule, facts: OrderFacts, switches: Switches) -> Miss | None:
    if not rule.enabled:
        return Miss(rule.id, rule.name, "enabled", "true", "false")
    if not switches.open_for(rule):
        closed = "on_payment" if rule.conditions.paid is True else "on_status"
        return Miss(rule.id, rule.name, "switches", closed, "false")
    for condition in _CONDITIONS:
        wanted = getattr(rule.conditions, condition.name)
        if wanted in ((), None):
            continue
        found = condition.found(facts)
        if not condition.holds(wanted, found, facts):
            return Miss(rule.id, rule.name, condition.name, _words(wanted), _words(found))
    return None


def holds(conditions: Conditions, facts: OrderFacts) -> bool:
    """Tell whether all conditions hold for an order."""
    for condition in _CONDITIONS:
        wanted = getattr(conditions, condition.name)
        if wanted in ((), None):
            continue
        if not condition.holds(wanted, condition.found(facts), facts):
            return False
    return True


@dataclass(frozen=True, slots=True)
class _Condition:
    """How one field of :class:`Conditions` is tested, and when one value of it implies another."""

    name: str
    found: Callable[[OrderFacts], Any]
    holds: Callable[[Any, Any, OrderFacts], bool]
    covers: Callable[[Any, Any], bool]
    """Whether the first value holds wherever the second one does; neither is empty."""


def _any_fits(patterns: tuple[str, ...], method: str, _: OrderFacts | None = None) -> bool:
    return any(fits(pattern, method) for pattern in patterns)


def _patterns_cover(wide: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    """A pattern covers another that it fits as text, because only ``*`` can meet a wildcard."""
    return all(
        any(one == other or ("?" not in one and fits(one, other)) for one in wide)
        for other in narrow
    )


def _country_fits(wanted: tuple[str, ...], country: str, on: date) -> bool:
    def is_in(name: str) -> bool:
        if name == "EU":
            return is_eu(country, on)
        return vat_country(name) == vat_country(country)

    if not country:
        return False
    names = [name.strip().upper() for name in wanted]
    if any(is_in(name[1:].strip()) for name in names if name.startswith("!")):
        return False
    included = [name for name in names if not name.startswith("!")]
    return not included or any(map(is_in, included))


def _countries_cover(wide: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    """Try every country that either list can tell apart from the others."""
    named = {name.strip().upper().removeprefix("!").strip() for name in (*wide, *narrow)}
    today = date.max
    return all(
        _country_fits(wide, country, today)
        for country in EU_COUNTRIES | {"GB", "XI", "ZZ"} | (named - {"EU"})
        if _country_fits(narrow, country, today)
    )


def _one_of(wanted: tuple[str, ...], found: str, _: OrderFacts) -> bool:
    return found in wanted


def _same(wanted: bool, found: bool, _: OrderFacts) -> bool:
    return wanted is found


def _subset(wide: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    return set(narrow) <= set(wide)


_CONDITIONS: tuple[_Condition, ...] = (
    _Condition("shops", lambda f: f.shop, _one_of, _subset),
    _Condition("statuses", lambda f: f.status, _one_of, _subset),
    _Condition("paid", lambda f: f.paid, _same, lambda wide, narrow: wide is narrow),
    _Condition("payment_methods", lambda f: f.payment_method, _any_fits, _patterns_cover),
    _Condition("shipping_methods", lambda f: f.shipping_method, _any_fits, _patterns_cover),
    _Condition(
        "countries",
        lambda f: f.country,
        lambda wanted, found, f: _country_fits(wanted, found, f.placed_on),
        _countries_cover,
    ),
    _Condition("currencies", lambda f: f.currency, _one_of, _subset),
    _Condition("business", lambda f: f.business, _same, lambda wide, narrow: wide is narrow),
    _Condition(
        "min_total",
        lambda f: f.total,
        lambda wanted, found, _: found >= wanted,
        lambda wide, narrow: wide <= narrow,
    ),
    _Condition(
        "max_total",
        lambda f: f.total,
        lambda wanted, found, _: found <= wanted,
        lambda wide, narrow: wide >= narrow,
    ),
)


def _words(value: object) -> str:
    """Write a wanted or found value the way it is stored: lists with commas, true and false."""
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain(value) if isinstance(value, Decimal) else str(value)


@dataclass(frozen=True, slots=True)
class Conflict:
    """A rule that can never fire, because an earlier one of its kind takes every order of it."""

    rule: Rule
    covered_by: Rule


def conflicts(rules: Sequence[Rule], switches: Switches = Switches()) -> tuple[Conflict, ...]:
    """Find rules that are never reached. Rules that are switched off neither cover nor count.

    Only single earlier rules are compared: a rule that several earlier ones cover together is not
    reported. What is reported is certain.
    """
    return tuple(_conflicts([rule for rule in rules if rule.enabled and switches.open_for(rule)]))


def _conflicts(rules: Sequence[Rule]) -> Iterator[Conflict]:
    for position, rule in enumerate(rules):
        for earlier in rules[:position]:
            if earlier.kind is rule.kind and _covers(earlier.conditions, rule.conditions):
                yield Conflict(rule, earlier)
                break


def _covers(wide: Conditions, narrow: Conditions) -> bool:
    for condition in _CONDITIONS:
        of_wide, of_narrow = getattr(wide, condition.name), getattr(narrow, condition.name)
        if of_wide in ((), None):
            continue
        if of_narrow in ((), None) or not condition.covers(of_wide, of_narrow):
            return False
    return True


def problems(rule: Rule) -> tuple[Problem, ...]:
    """Check a rule when it is saved: ``SPJ-RULE-INVALID`` and problems of its prefilled fields."""
    return tuple(_problems(rule))


def _problems(rule: Rule) -> Iterator[Problem]:
    wanted = rule.conditions
    low, high = wanted.min_total, wanted.max_total
    if low is not None and high is not None and low > high:
        yield Problem.of("SPJ-RULE-INVALID", rule=rule.name, reason="@rule-totals")
    names = [name.strip().removeprefix("!").strip() for name in wanted.countries]
    if not all(len(name) == 2 and name.isascii() and name.isalpha() for name in names):
        yield Problem.of("SPJ-RULE-INVALID", rule=rule.name, reason="@rule-country")
    if not all(len(c) == 3 and c.isascii() and c.isalpha() for c in wanted.currencies):
        yield Problem.of("SPJ-RULE-INVALID", rule=rule.name, reason="@rule-currency")
    for name, template in rule.prefill.items():
        try:
            check(template, Scope.LINE if name == "line_name" else Scope.ORDER)
        except VariableError as error:
            yield error.problem


def conditions_to_json(conditions: Conditions) -> dict[str, Any]:
    """Return conditions as plain JSON: amounts as strings, only those that are set."""
    found: dict[str, Any] = {}
    for condition in _CONDITIONS:
        value = getattr(conditions, condition.name)
        if value in ((), None):
            continue
        found[condition.name] = (
            list(value)
            if isinstance(value, tuple)
            else plain(value)
            if isinstance(value, Decimal)
            else value
        )
    return found


def conditions_from_json(data: Mapping[str, Any]) -> Conditions:
    """Read what :func:`conditions_to_json` wrote."""
    conditions: dict[str, Any] = {}
    for name, value in data.items():
        if name in ("min_total", "max_total"):
            conditions[name] = Decimal(value)
        else:
            conditions[name] = tuple(value) if isinstance(value, list) else value
    return Conditions(**conditions)


def rule_to_json(rule: Rule) -> dict[str, Any]:
    """Return a rule as plain JSON."""
    return {
        "id": rule.id,
        "name": rule.name,
        "kind": rule.kind.value,
        "conditions": conditions_to_json(rule.conditions),
        "enabled": rule.enabled,
        "connection": rule.connection,
        "series": rule.series,
        "issued_on": "" if rule.issued_on is None else rule.issued_on.value,
        "email": rule.email,
        "language": rule.language,
        "prefill": dict(rule.prefill),
    }


def rule_from_json(data: Mapping[str, Any]) -> Rule:
    """Read what :func:`rule_to_json` wrote."""
    return Rule(
        id=data["id"],
        name=data["name"],
        kind=Kind(data["kind"]),
        conditions=conditions_from_json(data["conditions"]),
        enabled=data["enabled"],
        connection=data["connection"],
        series=data["series"],
        issued_on=IssueDate(data["issued_on"]) if data["issued_on"] else None,
        email=data["email"],
        language=data["language"],
        prefill=dict(data["prefill"]),
    )
