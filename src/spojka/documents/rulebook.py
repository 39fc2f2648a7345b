"""A company's rules: kept, decided by, simulated over stored orders, offered as templates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import transaction

from spojka import engine
from spojka.companies.models import AuditEntry, Company
from spojka.core import rules as core_rules
from spojka.core.document import Kind
from spojka.core.order import Order as CoreOrder
from spojka.core.problem import Held, Problem
from spojka.core.rules import Conditions, Decision, OrderFacts, Rule, Switches
from spojka.database.prepared import Prepared
from spojka.documents.models import Document, RuleRow
from spojka.orders.models import Order

_RULES = Prepared(lambda company_id: RuleRow.objects.filter(company_id=company_id), int)


def rules_of(company: Company) -> tuple[Rule, ...]:
    """Return the company's rules in their order."""
    return tuple(rule_from_row(row) for row in _RULES.all(company.pk))


def rule_from_row(row: RuleRow) -> Rule:
    """Return a stored row as a rule."""
    actions = {name: value for name, value in row.actions.items() if value is not None}
    return core_rules.rule_from_json(
        {
            "id": str(row.pk),
            "name": row.name,
            "kind": row.kind,
            "conditions": row.conditions,
            "enabled": row.enabled,
            "connection": actions.get("connection", ""),
            "series": actions.get("series", ""),
            "issued_on": actions.get("issued_on", ""),
            "email": actions.get("email"),
            "language": actions.get("language", ""),
            "prefill": actions.get("prefill", {}),
        }
    )


def fill_row(row: RuleRow, rule: Rule) -> RuleRow:
    """Copy a rule into a row (not saved)."""
    data = core_rules.rule_to_json(rule)
    row.name, row.kind, row.enabled = rule.name, rule.kind.value, rule.enabled
    row.conditions = data["conditions"]
    row.actions = actions_json(rule)
    return row


def actions_json(rule: Rule) -> dict[str, Any]:
    """Return what a rule asks for beside issuing."""
    data = core_rules.rule_to_json(rule)
    names = ("connection", "series", "issued_on", "email", "language", "prefill")
    return {name: data[name] for name in names}


def rule_of(document: Document | None) -> Rule | None:
    """Return the rule that a document was made by, if it still exists."""
    if document is None or not document.why.get("rule_id"):
        return None
    row = RuleRow.objects.filter(pk=document.why["rule_id"], company_id=document.company_id).first()
    return rule_from_row(row) if row is not None and row.kind == document.kind else None


def switches_of(company: Company) -> Switches:
    """Return the company's switches of automatic issuing."""
    return Switches(
        on_status=company.on_status,
        on_payment=company.on_payment,
        final_after_proforma=company.final_after_proforma,
        email_after_issuing=company.email_after_issuing,
    )


def facts_of(order: Order, core: CoreOrder) -> OrderFacts:
    """Return what rules see of an order; shops are named by their id."""
    return OrderFacts.of(core, shop=str(order.shop_id))


def decide(order: Order, core: CoreOrder) -> Decision:
    """Decide by the company's own rules."""
    company = order.company
    return core_rules.decide(facts_of(order, core), rules_of(company), switches_of(company))


def fired(decision: Decision, kind: Kind) -> Rule | None:
    """Return the rule that fired for a kind."""
    return decision.of(kind).fired


@dataclass(frozen=True, slots=True)
class Would:
    """A document that a rule set would issue for an order."""

    kind: Kind
    total: Decimal | None
    currency: str
    problems: tuple[Problem, ...] = ()
    exists: bool = False
    """Such a document exists already; nothing would be issued."""


@dataclass(frozen=True, slots=True)
class SimulationRow:
    """What a rule set says to one order."""

    order: Order
    decision: Decision
    would: tuple[Would, ...]


@dataclass(frozen=True, slots=True)
class Simulation:
    """A rule set tried over stored orders. ``counts``: ``orders``, ``nothing``, ``held``, kinds."""

    rows: tuple[SimulationRow, ...]
    counts: Mapping[str, int] = field(default_factory=dict)


def simulate(
    company: Company,
    rules: Sequence[Rule] | None = None,
    switches: Switches | None = None,
    *,
    limit: int = 500,
) -> Simulation:
    """Try a rule set (by default the company's own) over its latest orders; issues nothing."""
    rules = rules_of(company) if rules is None else rules
    switches = switches_of(company) if switches is None else switches
    # One company for all, with its bank accounts, and not what the shop sent: a simulation of
    # thousands of orders must not ask for each of them.
    company = Company.objects.prefetch_related("bank_accounts").get(pk=company.pk)
    orders = company.orders.select_related("shop", "current").defer("current__payload")
    orders = orders.prefetch_related("documents")
    rows: list[SimulationRow] = []
    counts: Counter[str] = Counter()
    for order in orders.filter(current__isnull=False, deleted_at=None, shop__hidden=False)[:limit]:
        order.company = company
        core = order.content()
        decision = core_rules.decide(facts_of(order, core), rules, switches)
        would = tuple(_would(order, core, decision))
        rows.append(SimulationRow(order, decision, would))
        counts["orders"] += 1
        counts["nothing"] += not would
        counts["held"] += any(one.problems for one in would)
        counts.update(one.kind.value for one in would if not one.exists and not one.problems)
    return Simulation(tuple(rows), dict(counts))


def _would(order: Order, core: CoreOrder, decision: Decision) -> Iterator[Would]:
    from spojka.documents import composing

    existing = {row.kind for row in order.documents.all() if row.state != Document.State.DROPPED}
    for rule in decision.fired:
        if rule.kind in {Kind.CREDIT_NOTE, Kind.TAX_DOCUMENT} and rule.kind not in existing:
            # Made of documents that have to exist first; the rule alone does not tell.
            continue
        if rule.kind in existing:
            yield Would(rule.kind, None, order.currency, exists=True)
            continue
        try:
            document = composing.compose(order, core, rule.kind, rule=rule)
        except Held as held:
            yield Would(rule.kind, None, order.currency, held.problems)
        else:
            yield Would(rule.kind, document.total, document.currency)


# ready rule sets

_PAID_STATUSES = ("processing", "completed", "paid")
_OPEN_STATUSES = ("pending", "on-hold", "new", "received")
_CREDITED_STATUSES = ("refunded", "cancelled", "completed", "processing")
_CREDIT = (
    "credit",
    Kind.CREDIT_NOTE,
    Conditions(statuses=_CREDITED_STATUSES),
)

_PAID = ("paid", Kind.INVOICE, Conditions(paid=True))
_TRANSFER = (
    "transfer",
    Kind.PROFORMA,
    Conditions(
        statuses=_OPEN_STATUSES, paid=False, payment_methods=("bacs", "bank*", "*transfer*")
    ),
)
_COD = (
    "cod",
    Kind.INVOICE,
    Conditions(statuses=_PAID_STATUSES, payment_methods=("*cod*", "*cash*", "dobir*")),
)

TEMPLATES: Mapping[str, tuple[tuple[str, Kind, Conditions], ...]] = {
    "mixed": (_TRANSFER, _COD, _PAID, _CREDIT),
    "card": (_PAID, _CREDIT),
    "prepaid": (_TRANSFER, _PAID, _CREDIT),
    "cod": (_COD, _PAID, _CREDIT),
}
"""Rule sets to start from: all ways of paying, online, transfer with proforma, cash on delivery."""

_NAMES = {
    "cs": {
        "paid": "Faktura po zaplacení",
        "transfer": "Zálohová faktura při platbě převodem",
        "cod": "Faktura na dobírku",
        "credit": "Dobropis k vratce",
    },
    "sk": {
        "paid": "Faktúra po zaplatení",
        "transfer": "Zálohová faktúra pri platbe prevodom",
        "cod": "Faktúra na dobierku",
        "credit": "Dobropis k vráteniu peňazí",
    },
    "en": {
        "paid": "Invoice once paid",
        "transfer": "Proforma for bank transfer",
        "cod": "Invoice for cash on delivery",
        "credit": "Credit note for a refund",
    },
}


def template_rules(key: str, language: str) -> tuple[Rule, ...]:
    """Return a ready rule set with names in a language."""
    names = _NAMES.get(language, _NAMES["en"])
    return tuple(
        Rule(id=f"template-{at}", name=names[name], kind=kind, conditions=conditions)
        for at, (name, kind, conditions) in enumerate(TEMPLATES[key], start=1)
    )


@transaction.atomic
def replace_rules(company: Company, rules: Sequence[Rule], *, actor: str) -> None:
    """Put a rule set in place of the company's rules and have every order looked at again."""
    before = [core_rules.rule_to_json(rule) for rule in rules_of(company)]
    company.rules.all().delete()
    for position, rule in enumerate(rules, start=1):
        fill_row(RuleRow(company=company, position=position), rule).save()
    AuditEntry.write(
        "rules.replaced",
        company=company,
        actor=actor,
        before=before,
        after=[core_rules.rule_to_json(rule) for rule in rules],
    )
    wake_orders(company)


def apply_template(company: Company, key: str, *, actor: str) -> None:
    """Put a ready rule set in place of the company's rules."""
    replace_rules(company, template_rules(key, company.language), actor=actor)


def wake_orders(company: Company) -> None:
    """Have every order of a company looked at again, after rules or settings changed."""
    for order_id, shop_id in company.orders.values_list("pk", "shop_id"):
        engine.wake("order", order_id, account=f"shop:{shop_id}")
