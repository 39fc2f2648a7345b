"""Orders in: raw events are stored first, then read into versions of orders.

A webhook is a hint: the order is fetched again. An import or a call of our API is the truth itself.
Only changed content makes a new version, so that a repeated, late or reordered event does nothing.
Whoever was overtaken between asking the shop and storing its answer asks again.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import CharField, Field, ForeignKey, IntegerField
from django.utils import timezone

from spojka import engine
from spojka.connections import shops
from spojka.connections.models import Shop
from spojka.core import codec, trace
from spojka.core.order import Order as CoreOrder
from spojka.core.outcome import Backoff, OutcomeError
from spojka.core.problem import Problem, problem_json
from spojka.database.prepared import Prepared
from spojka.engine.registry import handler
from spojka.engine.wakes import Lease, LeaseLostError
from spojka.orders.models import InboxEvent, Order, OrderVersion
from spojka.shops.contract import Ability, Delivery, Hint, HintKind, MappingError, WebhookError

log = structlog.get_logger("spojka.orders")
State = InboxEvent.State
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_OPEN = (State.NEW, State.FAILED)
_BACKOFF = Backoff(first=timedelta(seconds=settings.RETRY_SECONDS))
GIVE_UP_AFTER = 12
"""Attempts to read an order again; polling finds it anyway."""
OWN_ERRORS = 3
"""Attempts after which an error of our own is not a passing one."""

_READINGS = 3
"""Times an order is asked for, while others store it in between."""
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class OvertakenError(Exception):
    """Somebody stored another state of the order since this one was asked for."""

    def __init__(self, order: Order) -> None:
        super().__init__(order.external_id)
        self.external_id = order.external_id


@dataclass
class ImportResult:
    """What an import did; ``orders`` are the ids of the orders read."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    failed: list[tuple[str, Problem]] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)


def storable(payload: Any) -> Any:
    """Return parsed data without what a database refuses.

    NUL and halves of characters become U+FFFD, the sign for a character that could not be read;
    numbers that are none (``NaN``) become text.
    """
    if isinstance(payload, float) and not math.isfinite(payload):
        return str(payload)
    if isinstance(payload, str):
        return _UNSTORABLE.sub("\ufffd", payload)
    if isinstance(payload, dict):
        return {storable(key): storable(value) for key, value in payload.items()}
    if isinstance(payload, list):
        return [storable(value) for value in payload]
    return payload


def raw(payload: Any) -> bytes:
    """Return already parsed data as bytes for the inbox."""
    return json.dumps(payload, ensure_ascii=False, default=str).encode()


def receive(
    shop: Shop,
    *,
    via: str,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    topic: str = "",
    external_id: str = "",
) -> InboxEvent:
    """Store a raw event and have it handled soon. What this returns is never lost."""
    facts = _facts(shop, via, body, headers or {}, topic, external_id)
    event = InboxEvent.from_db(
        connection.alias, ["id", *facts], [_insert(shop, facts), *facts.values()]
    )
    event.shop = shop  # which is at hand, and need not be read
    return event


def receive_webhook(
    shop: Shop, body: bytes, headers: Mapping[str, str], topic: str, external_id: str
) -> int:
    """Do what :func:`receive` does for a delivery, at the least cost; return the event's id."""
    via = InboxEvent.Via.WEBHOOK.value
    return _insert(shop, _facts(shop, via, body, headers, topic, external_id))


def _facts(
    shop: Shop,
    via: str,
    body: bytes,
    headers: Mapping[str, str],
    topic: str,
    external_id: str,
) -> dict[str, Any]:
    """Return the columns of a new event and their values."""
    return {
        "shop_id": shop.pk,
        "via": via,
        "received_at": timezone.now(),
        "headers": dict(headers),
        "body": body,
        "digest": hashlib.sha256(body).hexdigest(),
        "topic": topic,
        "external_id": external_id,
        "state": State.NEW.value,
        "outcome": "",
        "problem": None,
        "handled_at": None,
        "attempts": 0,
        "trace": trace.current() or trace.new(),
    }


def _insert(shop: Shop, facts: Mapping[str, Any]) -> int:
    statement, fields = _insertion(tuple(facts))
    values = [
        value if field is None else field.get_db_prep_save(value, connection)
        for field, value in zip(fields, facts.values(), strict=True)
    ]
    return engine.insert_and_wake(statement, values, "event", shops.owner(shop))


_AS_IT_IS = (CharField, ForeignKey, IntegerField)
"""Fields whose values every driver takes as they are."""


@cache
def _insertion(columns: tuple[str, ...]) -> tuple[str, list[Field[Any, Any] | None]]:
    """Return what inserts an event, and the fields whose values a driver does not take as they are:
    built once, as whoever sent it waits."""
    meta = InboxEvent._meta
    by_column = {field.column: field for field in meta.concrete_fields if not field.primary_key}
    if set(by_column) != set(columns):
        raise TypeError(f"an event has the columns {', '.join(map(str, by_column))}")
    places = ", ".join(["%s"] * len(columns))
    statement = f"INSERT INTO {meta.db_table} ({', '.join(columns)}) VALUES ({places}) RETURNING id"  # noqa: S608
    fields = (by_column[column] for column in columns)
    return statement, [None if isinstance(field, _AS_IT_IS) else field for field in fields]


@handler("event")
def on_event(key: str, lease: Lease) -> datetime | None:
    """Handle one stored event; a shop that is away is asked again later."""
    event = handle(int(key))
    if event.state == State.NEW:
        return timezone.now() + _BACKOFF.delay(event.attempts)
    return None


_EVENT = Prepared(
    lambda pk: (
        InboxEvent.objects.filter(pk=pk)
        .select_related("shop__company")
        .defer("shop__company__logo")
    ),
    int,
)


def handle(event_id: int) -> InboxEvent:
    """Handle an event now. An event that was handled before is left alone."""
    event = _EVENT.get(event_id)
    if event.state not in _OPEN:
        return event
    with trace.bound(event.trace):
        return _handle_traced(event)


def _handle_traced(event: InboxEvent) -> InboxEvent:
    try:
        _handle(event)
    except WebhookError as error:
        _end(event, State.IGNORED, "signature", Problem.of("SPJ-WEBHOOK-SIGNATURE", detail=error))
    except MappingError as error:
        _end(event, State.FAILED, "not_an_order", Problem.of(error.code, **error.facts))
    except OutcomeError as error:
        event.attempts += 1
        again = event.attempts < GIVE_UP_AFTER
        _end(event, State.NEW if again else State.FAILED, "shop_unavailable", error.problem)
    except (OperationalError, InterfaceError, LeaseLostError):
        raise  # of the moment: the worker looks at it again
    except Exception:  # an error of our own: who waits for the order shall see it
        log.exception("event failed", id=event.pk)
        event.attempts += 1
        again = event.attempts < OWN_ERRORS
        problem = Problem.of("SPJ-INTERNAL", reference=event.trace)
        _end(event, State.NEW if again else State.FAILED, "internal_error", problem)
    return event


def _handle(event: InboxEvent) -> None:
    shop = event.shop
    source = shops.source_of(shop)
    hint: Hint | None = None
    if event.via == InboxEvent.Via.WEBHOOK:
        hint = source.read_webhook(
            Delivery(event.headers, bytes(event.body)), shops.webhook_secret(shop)
        )
        event.topic, event.external_id = hint.topic or event.topic, hint.external_id
        if hint.kind in {HintKind.PING, HintKind.IGNORED}:
            _end(event, State.IGNORED, hint.kind.value)
            return
    is_hint = hint is not None or bool(event.external_id and not event.body)
    if is_hint and shops.can(shop, Ability.FETCH):
        read(shop, event.external_id, event)
        return
    body = bytes(event.body)
    payload = json.loads(body) if is_hint else next(iter(source.split(body, "event.json")))
    with transaction.atomic():
        order, outcome = store(shop, payload, event)
        event.external_id = order.external_id
        _end(event, State.DONE, outcome)


def read(shop: Shop, external_id: str, event: InboxEvent | None = None) -> str:
    """Ask the shop for an order and store what it says; the event that hinted at it is done then.

    Returns what :func:`store` says, or ``deleted`` or ``unknown_order`` where the shop has it no
    more.

    Raises:
        MappingError: what the shop answered is not an order.
        OutcomeError: the shop does not answer as it should.
    """
    for reading in range(1, _READINGS + 1):
        # What is read last is stored whatever the time: machines whose clocks differ would keep an
        # order out otherwise.
        read_at = timezone.now() if reading < _READINGS else _END_OF_TIME
        with shops.open_session(shop) as session:
            payload = shops.source_of(shop).fetch(session, external_id)
        try:
            with transaction.atomic():
                if payload is None:
                    outcome = mark_deleted(shop, external_id, read_at=read_at)
                else:
                    _, outcome = store(shop, payload, event, read_at=read_at)
                if event is not None:
                    _end(event, State.DONE, outcome)
            return outcome
        except OvertakenError:
            continue
    raise AssertionError("the last reading is never overtaken")


def _check_overtaken(order: Order, read_at: datetime | None) -> None:
    """Refuse to store what was asked for before the order became as it is.

    A time of modification does not tell: shops know it to the second, and not of deletions.
    """
    assert order.current is not None
    if read_at is not None and max(order.current.created_at, order.deleted_at or read_at) > read_at:
        raise OvertakenError(order)


def _end(event: InboxEvent, state: str, outcome: str, problem: Problem | None = None) -> None:
    event.state = state
    event.outcome = outcome
    event.problem = problem_json(problem) if problem else None
    event.handled_at = timezone.now() if state != State.NEW else None
    fields = ["topic", "external_id", "state", "outcome", "problem", "handled_at", "attempts"]
    # Whoever was frozen, and overtaken by another worker who finished, has nothing to add.
    InboxEvent.objects.filter(pk=event.pk, state__in=_OPEN).update(
        **{name: getattr(event, name) for name in fields}
    )


def digest(order: CoreOrder) -> str:
    """Return a digest of what an order says; when it was touched does not count."""
    content = codec.dump(replace(order, modified_at=None))
    text = json.dumps(content, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def store(
    shop: Shop,
    payload: Any,
    event: InboxEvent | None = None,
    *,
    read_at: datetime | None = None,
) -> tuple[Order, str]:
    """Store an order's data as a new version if its content changed, and wake the order.

    Args:
        shop: Whose order it is.
        payload: The data, as the shop's platform writes it.
        event: What brought it.
        read_at: When the shop was asked for it; none where it was sent to us.

    Returns:
        The order, and ``created``, ``changed`` or ``unchanged``.

    Raises:
        MappingError: the data is not an order.
        OvertakenError: another state was stored since ``read_at``; ask again.
    """
    payload = storable(payload)
    core = shops.source_of(shop).parse(payload, shop.mapping_options())
    try:
        return _store(shop, payload, core, event, read_at)
    except IntegrityError:
        # Somebody else has brought the same new order at this very moment: now it is there.
        return _store(shop, payload, core, event, read_at)


_ORDER = Prepared(
    lambda shop_id, external_id: Order.objects.select_for_update().filter(
        shop_id=shop_id, external_id=external_id
    ),
    *(int, str),
)


@transaction.atomic
def _store(
    shop: Shop,
    payload: Any,
    core: CoreOrder,
    event: InboxEvent | None,
    read_at: datetime | None,
) -> tuple[Order, str]:
    order = _ORDER.first(shop.pk, core.external_id)
    created = order is None
    if order is None:
        order = Order(shop=shop, company_id=shop.company_id, external_id=core.external_id)
    sent = event if read_at is None else None
    current = _current(order)
    if current is not None and _is_older(core, current, sent):
        return order, "unchanged"
    content_digest = digest(core)
    trashed = core.status == "trash"
    if current is not None and current.digest == content_digest:
        if order.deleted_at is not None and not trashed:
            _check_overtaken(order, read_at)
            order.deleted_at = None
            order.save(update_fields=["deleted_at"])
            engine.wake("order", order.pk, account=shops.owner(shop))
        return order, "unchanged"
    if not created:
        _check_overtaken(order, read_at)
    _copy(core, order)
    order.deleted_at = timezone.now() if trashed else None
    if created:
        order.save(force_insert=True)
    version = OrderVersion.objects.create(
        order=order,
        ordinal=current.ordinal + 1 if current is not None else 1,
        content=codec.dump(core),
        payload=json.loads(raw(payload)),
        digest=content_digest,
        event=event,
        trace=trace.current() or (event.trace if event else "") or trace.new(),
    )
    order.current = version
    order.save(update_fields=["current"] if created else None)
    engine.wake("order", order.pk, account=shops.owner(shop))
    return order, "created" if created else "changed"


def _current(order: Order) -> OrderVersion | None:
    """Return the latest version, without what the shop sent."""
    if order.current_id is None:
        return None
    return OrderVersion.objects.defer("payload").get(pk=order.current_id)


def _is_older(core: CoreOrder, stored: OrderVersion, sent: InboxEvent | None) -> bool:
    """Tell whether this is older than what is stored: whoever handled it was overtaken.

    What was sent to us is as old as its event.
    """
    if sent is not None and stored.event_id is not None and sent.pk < stored.event_id:
        return True
    changed = stored.content.get("modified_at")
    if core.modified_at is None or not changed:
        return False
    return core.modified_at < datetime.fromisoformat(changed)


def _copy(core: CoreOrder, order: Order) -> None:
    """Copy what lists and filters need out of the snapshot."""
    address = core.customer.address
    order.number = core.number[:60]
    order.status = core.status[:60]
    order.currency = core.currency
    order.total = core.total
    order.customer = (address.company or address.name or core.customer.email)[:200]
    order.email = core.customer.email[:254]
    order.country = core.country[:2]
    order.payment_title = (core.payment_title or core.payment_method)[:200]
    order.shipping_title = (core.shipping_title or core.shipping_method)[:200]
    order.ordered_at = core.created_at
    order.paid_at = core.paid_at


@transaction.atomic
def mark_deleted(shop: Shop, external_id: str, *, read_at: datetime | None = None) -> str:
    """Note that the shop no longer has an order; what was issued for it stays.

    Returns ``deleted``, or ``unknown_order`` where there is none that was not deleted.

    Raises:
        OvertakenError: another state was stored since ``read_at``; ask again.
    """
    orders = Order.objects.select_for_update().filter(shop=shop, external_id=external_id)
    order = orders.filter(deleted_at=None).first()
    if order is None:
        return "unknown_order"
    _check_overtaken(order, read_at)
    order.deleted_at = timezone.now()
    order.save(update_fields=["deleted_at"])
    engine.wake("order", order.pk, account=shops.owner(shop))
    return "deleted"


def import_file(shop: Shop, name: str, content: bytes, *, actor: str) -> ImportResult:
    """Read orders from a file; one bad order does not keep the others out.

    Raises:
        MappingError: the file as a whole cannot be read.
    """
    result = ImportResult()
    source = shops.source_of(shop)
    name = storable(name)
    for at, read in enumerate(source.split(content, name), start=1):
        payload = storable(read)
        event = receive(
            shop, via=InboxEvent.Via.IMPORT, body=raw(payload), topic=f"{name}#{at}"[:80]
        )
        try:
            order, outcome = store(shop, payload, event)
        except MappingError as error:
            problem = Problem.of(error.code, **error.facts)
            _end(event, State.FAILED, "not_an_order", problem)
            result.failed.append((f"{name}#{at}", problem))
            continue
        event.external_id = order.external_id
        _end(event, State.DONE, outcome)
        setattr(result, outcome, getattr(result, outcome) + 1)
        result.orders.append(order.pk)
    return result


def read_again(order: Order) -> str:
    """Fetch an order from its shop now; returns what :func:`store` says, or ``deleted``.

    Raises:
        OutcomeError: the shop does not answer as it should.
    """
    shop = order.shop
    if not shops.can(shop, Ability.FETCH):
        assert order.current is not None
        return store(shop, order.current.payload)[1]
    outcome = read(shop, order.external_id)
    return "deleted" if outcome == "unknown_order" else outcome
