"""What is thinned out by itself: raw events that were handled long ago."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from spojka.engine.registry import periodic
from spojka.orders.models import InboxEvent

KEEP = timedelta(days=90)
"""As long as recorded requests are kept: whoever looks for a cause needs both."""
AT_ONCE = 500
"""Events deleted in one transaction, so that nobody who writes waits for long."""
_HANDLED = (InboxEvent.State.DONE, InboxEvent.State.IGNORED)


@periodic("events.prune", timedelta(hours=6))
def prune() -> None:
    """Drop events that were handled longer ago than :data:`KEEP`.

    What came of them stays: each version of an order has its data and its trace. Events that wait,
    or failed and wait for a person, stay as well.
    """
    old = InboxEvent.objects.filter(state__in=_HANDLED, handled_at__lt=timezone.now() - KEEP)
    while keys := list(old.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        InboxEvent.objects.filter(pk__in=keys).delete()
