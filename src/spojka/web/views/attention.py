"""What needs a person, grouped by cause, so that one fix clears many."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from spojka.companies.models import Role
from spojka.documents import actions, attention, stuck
from spojka.documents.attention import Group
from spojka.orders import intake
from spojka.orders.models import InboxEvent
from spojka.web.access import CompanyRequest, member
from spojka.web.formats import language
from spojka.web.views.common import back, go, show, tell

# Where the catalogue's actions lead; each is a page of the company.
PLACES = {
    "orders": "orders",
    "rules": "rules",
    "series": "series",
    "archive": "archive",
    "settings.company": "settings",
    "settings.email": "settings_email",
    "settings.tokens": "settings_tokens",
    "shop": "settings_shops",
    "connection": "settings_accounting",
}
SHOWN = 30


@dataclass(frozen=True, slots=True)
class Shown:
    """A group with the address where it is mended."""

    group: Group
    place: str
    more: int


@member()
def attention_list(request: CompanyRequest) -> HttpResponseBase:
    """Show everything that waits for a person, the most frequent cause first."""
    groups = [
        Shown(group, _place(request, group), max(group.count - SHOWN, 0))
        for group in attention.groups(request.company, language())
    ]
    return show(request, "attention", "attention", groups=groups, shown=f":{SHOWN}")


def _place(request: CompanyRequest, group: Group) -> str:
    name = PLACES.get(group.explained.action, "")
    # Orders are mended in the shop; a link to our list of them would lead nowhere.
    if not name or name == "orders":
        return ""
    return reverse(f"web:{name}", args=[request.company.pk])


@require_POST
@member(Role.ACCOUNTANT)
def retry_group(request: CompanyRequest) -> HttpResponseBase:
    """Try everything again that waits because of one cause."""
    count = actions.retry_all(request.company, request.POST.get("code", ""), actor=request.actor)
    tell(
        request,
        ngettext("%(count)d thing is tried again.", "%(count)d things are tried again.", count)
        % {"count": count},
    )
    return go(request, "attention")


@require_POST
@member(Role.ACCOUNTANT)
def retry_stuck(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Have something tried now that Spojka itself failed at."""
    found = stuck.of_company(request.company, pk)
    if found is None:
        raise Http404
    stuck.try_again(found, actor=request.actor)
    tell(request, _("It is tried again now. What works disappears from here."))
    return back(request, "attention")


@require_POST
@member(Role.ACCOUNTANT)
def retry_event(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Handle a failed event of the inbox again."""
    event = get_object_or_404(InboxEvent, shop__company=request.company, pk=pk)
    handled = intake.handle(event.pk)
    if handled.state == InboxEvent.State.DONE:
        tell(request, _("This time it worked."))
    return go(request, "attention")


@member()
def event_detail(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Show what arrived, as it arrived."""
    event = get_object_or_404(
        InboxEvent.objects.select_related("shop"), shop__company=request.company, pk=pk
    )
    body = bytes(event.body).decode("utf-8", errors="replace")
    return show(request, "event", "attention", event=event, body=body[:200_000])
