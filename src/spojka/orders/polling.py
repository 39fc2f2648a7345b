"""Polling: the source of truth beside webhooks, which are lost without a sound.

Every shop that can be read is read on a schedule from its cursor, with an overlap; and the state of
its webhooks is watched, because a shop disables them silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from spojka.connections import shops
from spojka.connections.models import Shop
from spojka.core import trace
from spojka.core.outcome import OutcomeError
from spojka.core.problem import Problem, problem_json
from spojka.engine.registry import periodic
from spojka.orders import intake
from spojka.shops.contract import Ability, MappingError

log = structlog.get_logger("spojka.orders")
FIRST_LOOK_BACK = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class PollResult:
    """How many orders were read, and how many of them were new or changed."""

    read: int
    changed: int


def poll(shop_id: int) -> PollResult:
    """Read the orders that changed since the last time.

    Raises:
        OutcomeError: the shop does not answer as it should; the cursor stays.
    """
    shop = Shop.objects.select_related("company").get(pk=shop_id)
    asked_at = timezone.now()
    since = shop.cursor or asked_at - FIRST_LOOK_BACK
    with shops.open_session(shop) as session:
        page = shops.source_of(shop).changed(session, since)
    changed = 0
    for payload in page.payloads:
        try:
            outcome = _store(shop, payload, asked_at)
        except MappingError as error:
            # Kept as an event, so that a person sees it and it can be tried again.
            event = intake.receive(shop, via="poll", body=intake.raw(payload), topic=error.code)
            intake.handle(event.pk)
            continue
        changed += outcome in {"created", "changed"}
    Shop.objects.filter(pk=shop.pk).update(
        cursor=page.cursor, polled_at=timezone.now(), poll_problem=None
    )
    return PollResult(read=len(page.payloads), changed=changed)


def _store(shop: Shop, payload: Any, asked_at: datetime) -> str:
    """Store an order of a page; one that others have stored meanwhile is read by itself."""
    if not shops.can(shop, Ability.FETCH):
        return intake.store(shop, payload)[1]
    try:
        return intake.store(shop, payload, read_at=asked_at)[1]
    except intake.OvertakenError as error:
        return intake.read(shop, error.external_id)


def watch(shop_id: int) -> None:
    """Look whether the shop still delivers its webhooks to us."""
    shop = Shop.objects.get(pk=shop_id)
    with shops.open_session(shop) as session:
        states = shops.source_of(shop).watch(session, shops.webhook_address(shop))
    off = [state for state in states if not state.active]
    problem = (
        Problem.of("SPJ-WEBHOOK-DISABLED", topics=", ".join(state.topic for state in off))
        if off
        else None
    )
    Shop.objects.filter(pk=shop.pk).update(
        webhook_problem=problem_json(problem) if problem else None,
        webhook_seen_at=timezone.now() if states else None,
    )


@periodic("shops.poll", timedelta(minutes=settings.POLL_MINUTES))
def poll_all() -> None:
    """Poll every active shop that can be polled; one that is away does not stop the others."""
    for shop in Shop.objects.filter(active=True):
        if not shops.can(shop, Ability.POLL) or not shop.verified_at:
            continue
        try:
            poll(shop.pk)
        except OutcomeError as error:
            log.warning("polling failed", shop=shop.pk, code=error.problem.code)
            _not_polled(shop, error.problem)
        except (OperationalError, InterfaceError):
            raise  # of the moment, and the same for all
        except Exception as error:
            _not_polled(shop, _own_error(shop, error))


def _not_polled(shop: Shop, problem: Problem) -> None:
    told = {"polled_at": timezone.now(), "poll_problem": problem_json(problem)}
    Shop.objects.filter(pk=shop.pk).update(**told)


def _own_error(shop: Shop, error: Exception) -> Problem:
    """Log an error of our own at one shop, and return what people see of it."""
    with trace.bound(trace.of(error) or trace.new()) as mark:
        log.exception("shop not read", shop=shop.pk)
    return Problem.of("SPJ-INTERNAL", reference=mark, error=type(error).__name__)


@periodic("shops.watch", timedelta(hours=1))
def watch_all() -> None:
    """Watch the webhooks of every active shop."""
    for shop in Shop.objects.filter(active=True):
        if not shops.can(shop, Ability.WATCH) or not shop.verified_at:
            continue
        try:
            watch(shop.pk)
        except OutcomeError as error:
            log.warning("watching webhooks failed", shop=shop.pk, code=error.problem.code)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            problem = problem_json(_own_error(shop, error))
            Shop.objects.filter(pk=shop.pk).update(webhook_problem=problem)
