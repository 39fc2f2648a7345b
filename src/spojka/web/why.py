"""Decisions of the rules in sentences: which rule fired, or why each of them did not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from spojka.core.document import Kind
from spojka.core.rules import Conditions, Decision, Miss
from spojka.web import formats
from spojka.web.wording import CONDITIONS, KINDS


@dataclass(frozen=True, slots=True)
class KindWhy:
    """Why a kind of document is due, or is not."""

    kind: Kind
    fired: str
    fired_id: str
    misses: tuple[tuple[str, str], ...]
    """Name of the rule, and the sentence about the first condition that failed."""


def explain_decision(content: Mapping[str, Any] | Decision) -> list[KindWhy]:
    """Put a decision, stored or not, into words; kinds without any rule are left out."""
    decision = content if isinstance(content, Decision) else Decision.from_json(content)
    return [
        KindWhy(
            kind=found.kind,
            fired=found.fired.name if found.fired else "",
            fired_id=found.fired.id if found.fired else "",
            misses=tuple((miss.rule_name, explain_miss(miss)) for miss in found.misses),
        )
        for found in decision.kinds
        if found.fired or found.misses
    ]


def explain_miss(miss: Miss) -> str:
    """Say which condition failed, what it wants and what the order has."""
    if miss.condition == "enabled":
        return _("it is switched off")
    if miss.condition == "switches":
        if miss.wanted == "on_payment":
            return _("issuing on payment is switched off")
        return _("issuing by order status is switched off")
    if miss.condition == "paid":
        return (
            _("the order is not paid yet")
            if miss.wanted == "true"
            else _("the order is already paid")
        )
    if miss.condition == "business":
        if miss.wanted == "true":
            return _("the customer is not a business")
        return _("the customer is a business")
    return _("%(condition)s is “%(found)s”, the rule wants “%(wanted)s”") % {
        "condition": CONDITIONS.get(miss.condition, miss.condition),
        "found": miss.found or pgettext("value", "empty"),
        "wanted": miss.wanted,
    }


def explain_conditions(
    conditions: Conditions, shops: Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    """List the conditions of a rule that are set, as pairs of name and value."""
    found: list[tuple[str, str]] = []
    for name, label in CONDITIONS.items():
        value = getattr(conditions, name)
        if value in ((), None):
            continue
        if name == "shops":
            value = tuple((shops or {}).get(key, key) for key in value)
        found.append((str(label), _words(value)))
    return found


def _words(value: object) -> str:
    if isinstance(value, bool):
        return pgettext("condition", "yes") if value else pgettext("condition", "no")
    if isinstance(value, Decimal):
        return formats.number(value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)


def kind_name(kind: Kind) -> str:
    """Name a kind of document."""
    return str(KINDS[kind.value])
