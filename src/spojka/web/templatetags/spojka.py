"""Filters and tags of the templates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select
from django.template import RequestContext
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from spojka.accounting.simulator import Fault
from spojka.connections.models import Shop
from spojka.core import catalogue
from spojka.core.document import Treatment
from spojka.core.problem import Problem
from spojka.documents.models import Document, Event
from spojka.net.limits import Limit
from spojka.shops.registry import sources
from spojka.web import formats, wording
from spojka.web.icons import ICONS

register = template.Library()


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """Draw an icon; it only accompanies a text, so that readers of the page skip it."""
    return format_html(
        '<svg class="icon {}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">'
        '<path d="{}"/></svg>',
        extra,
        ICONS[name],
    )


@register.simple_tag(takes_context=True)
def to(context: RequestContext, name: str, *args: Any) -> str:
    """Return the address of a page within the present company."""
    return reverse(f"web:{name}", args=[context["company"].pk, *args])


@register.filter
def money(amount: Decimal | None, currency: str) -> str:
    """Write an amount in its currency; nothing where it is not known."""
    return "–" if amount is None else formats.money(amount, currency)


@register.filter
def number(value: Decimal | int | None) -> str:
    """Write a plain number."""
    return "–" if value is None else formats.number(value)


@register.filter
def day(value: date | None) -> str:
    """Write a date."""
    return "–" if value is None else formats.day(value)


@register.filter
def moment(value: datetime | None) -> str:
    """Write date and time in the company's time zone."""
    return "–" if value is None else formats.moment(value)


@register.filter
def exact(value: datetime | None) -> str:
    """Write date and time with seconds and zone, for titles."""
    return "" if value is None else formats.exact(value)


@register.filter
def ago(value: datetime | None) -> str:
    """Write the distance from now."""
    return "–" if value is None else formats.ago(value)


@register.filter
def explained(problem: Problem | Mapping[str, Any] | None) -> catalogue.Explained | None:
    """Explain a problem, stored or not, in the language of the page."""
    if not problem:
        return None
    if not isinstance(problem, Problem):
        problem = Problem.of(str(problem["code"]), **dict(problem.get("facts") or {}))
    return catalogue.explain(problem, formats.language())


@register.filter
def existence(value: catalogue.DocumentExists) -> str:
    """Say whether a document exists."""
    return value.sentence(formats.language())


@register.filter
def said(text: Mapping[str, str]) -> str:
    """Return a text of a descriptor in the language of the page."""
    return text.get(formats.language()) or text.get("en", "")


@register.filter
def treatment(value: Treatment | str) -> str:
    """Name a VAT treatment."""
    return str(wording.TREATMENTS[Treatment(value)])


@register.filter
def kind(value: str) -> str:
    """Name a kind of document."""
    return str(wording.KINDS.get(value, value))


@register.filter
def effect(value: str) -> str:
    """Name a kind of effect."""
    return str(wording.EFFECTS.get(value, value))


@register.filter
def effect_state(value: str) -> str:
    """Name the state of an effect."""
    return str(wording.EFFECT_STATES.get(value, value))


@register.filter
def fault(value: str) -> str:
    """Say what goes wrong at a simulator."""
    return str(wording.FAULTS.get(Fault(value), value))


@register.filter
def vat_mode(value: str) -> str:
    """Name a company's position towards VAT."""
    return str(wording.VAT_MODES.get(value, value))


@register.inclusion_tag("web/partials/_chip.html")
def chip(state: str, label: str = "") -> dict[str, object]:
    """Show a state by its word, its icon and its colour."""
    look = wording.LOOKS.get(state, wording.LOOKS[""])
    return {"tone": look.tone, "icon": look.icon, "label": label or look.label or state}


@register.inclusion_tag("web/partials/_problem.html")
def problem(
    value: Any,
    document: Any = None,
    next_try: datetime | None = None,
    link: str = "",
    elsewhere: str = "",
    about_document: bool = True,
) -> dict[str, Any]:
    """Explain a problem: what happened, does a document exist, what to do, code, next try.

    ``link`` is a page of ours where it is mended, ``elsewhere`` one of the other system; by default
    the one that the catalogue knows. What is about a connection says nothing about a document.
    """
    known = None
    if document is not None:
        known = catalogue.DocumentExists(document.exists).sentence(formats.language())
    found = explained(value)
    return {
        "p": found,
        "known": known,
        "next_try": next_try,
        "about_document": about_document,
        "link": link,
        "elsewhere": outside(elsewhere or (found.link if found else "")),
    }


@register.inclusion_tag("web/partials/_field.html")
def field(bound: BoundField, wide: bool = False) -> dict[str, Any]:
    """Render one field of a form with label, help and errors."""
    widget = bound.field.widget
    shape = "input"
    if isinstance(widget, CheckboxSelectMultiple | RadioSelect):
        shape = "group"
    elif isinstance(widget, CheckboxInput):
        shape = "check"
    elif isinstance(widget, Select):
        shape = "select"
    return {"field": bound, "shape": shape, "wide": wide}


@register.simple_tag(takes_context=True)
def query(context: RequestContext, **changes: Any) -> str:
    """Return the present query string with some values changed; ``None`` removes one."""
    parameters = context["request"].GET.copy()
    for name, value in changes.items():
        if value is None:
            parameters.pop(name, None)
        else:
            parameters[name] = str(value)
    return "?" + str(parameters.urlencode())


@register.filter
def limit(value: Limit) -> str:
    """Say how many requests an account allows."""
    words = wording.LIMITS.get(value.seconds, wording.ANY_LIMIT)
    calls, seconds = formats.number(value.calls), formats.number(value.seconds)
    return str(words) % {"calls": calls, "seconds": seconds}


@register.filter
def outside(link: object) -> str:
    """Return a link to a page of another site; nothing where it is none."""
    link = str(link or "")
    return link if link.startswith(("https://", "http://")) else ""


@register.filter
def get(mapping: Mapping[Any, Any], key: Any) -> Any:
    """Return the value of a key; nothing where there is none."""
    return mapping.get(key)


@register.filter
def status(value: str, shop: Shop) -> str:
    """Name an order status as the shop's platform calls it."""
    source = sources().get(shop.platform)
    labels = dict(source.descriptor.statuses) if source else {}
    return said(labels[value]) if value in labels else value


@register.filter
def event(row: Event) -> wording.EventLook:
    """Return icon, text and tone of a row of the life line."""
    return wording.event_look(row.name)


@register.filter
def payment(document: Document) -> str:
    """Return the payment state of a document: paid, partly, unpaid, overdue."""
    return wording.payment_state(document)


@register.filter
def archived(value: str) -> str:
    """Name a kind of entry of the archive."""
    return str(wording.ARCHIVED.get(value, value))
