"""WooCommerce as an order source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from spojka.core.descriptor import Check, FieldKind, FieldSpec
from spojka.core.order import Order
from spojka.core.outcome import RejectedError
from spojka.shops.contract import (
    Ability,
    Delivery,
    Hint,
    MappingError,
    MappingOptions,
    Page,
    ShopDescriptor,
    ShopSession,
    WebhookState,
)
from spojka.shops.woocommerce import checks, webhook
from spojka.shops.woocommerce.client import PER_PAGE, Api
from spojka.shops.woocommerce.company_ids import DEFAULT_FIELDS
from spojka.shops.woocommerce.mapping import parse_order
from spojka.shops.woocommerce.reading import Json, identity, items, moment, note_text, text
from spojka.shops.woocommerce.refunds import DETAIL_KEY, refund_parent_id

OVERLAP = timedelta(minutes=10)
"""Read again before the cursor: several orders share a second, and ``modified_after`` means
strictly after it, at a resolution of one second."""

BATCH = 2000
"""Roughly how many orders :meth:`WooCommerce.changed` reads at once."""

TOPICS = ("order.created", "order.updated", "order.deleted", "order.restored")
"""What we register for. A refund comes as ``order.updated``; notes and forced deletions never."""

DESCRIPTOR = ShopDescriptor(
    key="woocommerce",
    name="WooCommerce",
    summary={
        "cs": "E-shop na WordPressu. Objednávky se čtou přes REST API a hlásí webhooky.",
        "sk": "E-shop na WordPresse. Objednávky sa čítajú cez REST API a hlásia webhookmi.",
        "en": "A shop on WordPress. Orders are read by the REST API and announced by webhooks.",
    },
    fields=(
        FieldSpec(
            key="url",
            kind=FieldKind.URL,
            label={"cs": "Adresa e-shopu", "sk": "Adresa e-shopu", "en": "Address of the shop"},
            help={
                "cs": "Úvodní stránka e-shopu, přesně tak, jak se otevírá (s www, nebo bez).",
                "sk": "Úvodná stránka e-shopu, presne tak, ako sa otvára (s www, alebo bez).",
                "en": "The shop's home page, exactly as it opens (with www or without).",
            },
            example="https://www.example.com",
        ),
        FieldSpec(
            key="consumer_key",
            label={"cs": "Klíč zákazníka", "sk": "Kľúč zákazníka", "en": "Consumer key"},
            where={
                "cs": "WooCommerce › Nastavení › Pokročilé › REST API › Přidat klíč, "
                "oprávnění Čtení/zápis.",
                "sk": "WooCommerce › Nastavenia › Pokročilé › REST API › Pridať kľúč, "
                "oprávnenie Čítanie/zápis.",
                "en": "WooCommerce › Settings › Advanced › REST API › Add key, "
                "permissions Read/Write.",
            },
            example="ck_…",
            pattern=r"ck_[0-9a-f]{40}",
        ),
        FieldSpec(
            key="consumer_secret",
            kind=FieldKind.SECRET,
            label={"cs": "Tajný klíč", "sk": "Tajný kľúč", "en": "Consumer secret"},
            where={
                "cs": "Zobrazí se jen jednou, hned po vytvoření klíče.",
                "sk": "Zobrazí sa iba raz, hneď po vytvorení kľúča.",
                "en": "Shown only once, right after the key is made.",
            },
            example="cs_…",
            pattern=r"cs_[0-9a-f]{40}",
        ),
    ),
    abilities=frozenset(
        {
            Ability.WEBHOOK,
            Ability.FETCH,
            Ability.POLL,
            Ability.WRITE_NOTE,
            Ability.WATCH,
            Ability.FILE,
        }
    ),
    statuses=(
        ("pending", {"cs": "Čeká na platbu", "sk": "Čaká na platbu", "en": "Pending payment"}),
        ("on-hold", {"cs": "Pozastaveno", "sk": "Pozastavená", "en": "On hold"}),
        ("processing", {"cs": "Zpracovává se", "sk": "Spracováva sa", "en": "Processing"}),
        ("completed", {"cs": "Dokončeno", "sk": "Dokončená", "en": "Completed"}),
        ("cancelled", {"cs": "Zrušeno", "sk": "Zrušená", "en": "Cancelled"}),
        ("refunded", {"cs": "Vráceno", "sk": "Vrátená", "en": "Refunded"}),
        ("failed", {"cs": "Neúspěšné", "sk": "Neúspešná", "en": "Failed"}),
        ("checkout-draft", {"cs": "Koncept", "sk": "Koncept", "en": "Draft"}),
        ("trash", {"cs": "V koši", "sk": "V koši", "en": "In the bin"}),
    ),
    file_types=("json",),
    company_id_fields=DEFAULT_FIELDS,
)


class WooCommerce:
    """Operations on one WooCommerce shop; see :class:`spojka.shops.contract.Source`."""

    descriptor = DESCRIPTOR

    def parse(self, payload: Any, options: MappingOptions) -> Order:
        """Read one order; see :func:`~spojka.shops.woocommerce.mapping.parse_order`."""
        return parse_order(payload, options)

    def split(self, content: bytes, name: str) -> Iterator[Any]:
        """Take a JSON file apart: one order, or a list of orders, as the REST API gives them."""
        try:
            found = json.loads(content.decode("utf-8-sig"), parse_float=Decimal)
        except (ValueError, RecursionError):
            raise MappingError("SPJ-ORDER-NOT-ORDER", detail=f"{name} is not JSON") from None
        yield from found if isinstance(found, list) else [found]

    def read_webhook(self, delivery: Delivery, secret: str) -> Hint:
        """Verify and read a delivery."""
        return webhook.read_webhook(delivery, secret)

    def fetch(self, s: ShopSession, external_id: str) -> Any | None:
        """Read one order with its full refunds under ``refunds_detail``.

        An order in the bin comes with the status ``trash``.
        """
        return _fetch(_api(s), external_id)

    def changed(self, s: ShopSession, since: datetime) -> Page:
        """Read orders changed or refunded after ``since`` (less an overlap), the bin included.

        The cursor is the latest change seen; it never lies after ``s.now``. Reading stops after
        some two thousand orders; the next call goes on from the cursor.
        """
        api = _api(s)
        after = since - OVERLAP
        found: dict[str, Json] = {}
        cursor = max(s.now, since)
        seen = since
        for status in ("any", "trash"):
            orders, reached = _modified(api, after, since, status)
            found |= {identity(order): order for order in orders}
            times = [at for order in orders if (at := _modified_at(order))]
            seen = max([seen, *times])
            cursor = min(cursor, reached or cursor)
        for refund in _refunds_since(api, after):
            parent = refund_parent_id(refund)
            if parent and parent not in found:
                again = api.find(f"orders/{parent}")
                if isinstance(again, dict):
                    found[parent] = again
        payloads = tuple(_with_refunds(api, order) for order in found.values())
        return Page(payloads, min(seen, cursor))

    def verify(self, s: ShopSession) -> list[Check]:
        """Check address, TLS, API, login, rights and tax settings; never raises."""
        return checks.run(_api(s), s.http)

    def watch(self, s: ShopSession, address: str) -> list[WebhookState]:
        """Read our webhooks. WooCommerce silently disables one after its seventh failure."""
        return [_state(item) for item in _our_webhooks(_api(s), address)]

    def register_webhooks(self, s: ShopSession, address: str, secret: str) -> list[WebhookState]:
        """Register the webhooks that are missing, and revive disabled ones; all get ``secret``.

        Raises:
            OutcomeError: the shop refused, or it is not known whether it accepted.
        """
        api = _api(s)
        existing = {text(item.get("topic")): item for item in _our_webhooks(api, address)}
        states = []
        for topic in TOPICS:
            wanted = {"status": "active", "secret": secret, "delivery_url": address}
            if topic in existing:
                made = api.post(f"webhooks/{identity(existing[topic])}", wanted)
            else:
                made = api.post("webhooks", {**wanted, "topic": topic, "name": f"Spojka {topic}"})
            states.append(_state(made if isinstance(made, dict) else {}))
        return states

    def write_note(self, s: ShopSession, external_id: str, note: str) -> str:
        """Write a private note: it moves no change date, fires no webhook and mails nobody."""
        made = _api(s).post(f"orders/{external_id}/notes", {"note": note, "customer_note": False})
        return identity(made) if isinstance(made, dict) else ""

    def find_note(self, s: ShopSession, external_id: str, note: str) -> str | None:
        """Find a note by its exact text."""
        found = _api(s).find(f"orders/{external_id}/notes")
        wanted = note_text(note)
        for item in items(found):
            if note_text(item.get("note")) == wanted:
                return identity(item)
        return None


SOURCE = WooCommerce()


def _api(s: ShopSession) -> Api:
    given = s.credentials
    key, secret = given.get("consumer_key", ""), given.get("consumer_secret", "")
    return Api(s.http, given.get("url", ""), key, secret, s.now)


def _fetch(api: Api, external_id: str) -> Any | None:
    if not external_id.isdecimal():
        return None
    order = api.find(f"orders/{external_id}")
    return _with_refunds(api, order) if isinstance(order, dict) else order


def _with_refunds(api: Api, order: Json) -> Json:
    if not items(order.get("refunds")):
        return order
    refunds = list(api.pages(f"orders/{identity(order)}/refunds", {}))
    return {**order, DETAIL_KEY: refunds}


def _modified(
    api: Api, after: datetime, since: datetime, status: str
) -> tuple[list[Json], datetime | None]:
    """Read orders by change time, oldest first, and how far reading got if it stopped early.

    Each full page is followed by a new question from its own times on, not by the next page: an
    order that changes meanwhile moves to the end and shifts another one out of sight. Such an
    order may also stand in a page with its new time; hence the third quartile of the page counts,
    not its latest time.
    """
    found: dict[str, Json] = {}
    page = 1
    while True:
        params = {
            "modified_after": _gmt(after),
            "dates_are_gmt": "true",
            "orderby": "modified",
            "order": "asc",
            "status": status,
            "per_page": str(PER_PAGE),
            "page": str(page),
        }
        orders = items(api.get("orders", params))
        found |= {identity(order): order for order in orders}
        if len(orders) < PER_PAGE:
            return list(found.values()), None
        times = sorted(_modified_at(order) or after for order in orders)
        reached = times[len(times) * 3 // 4]
        if len(found) >= BATCH and reached > since + OVERLAP:
            return list(found.values()), reached
        # ``modified_after`` is strict, so that the last second is asked for again.
        following = reached - timedelta(seconds=1)
        after, page = (following, 1) if following > after else (after, page + 1)


def _refunds_since(api: Api, after: datetime) -> list[Json]:
    """Read refunds made since; WooCommerce before 9.0 has no such list."""
    try:
        return items(list(api.pages("refunds", {"after": _gmt(after), "dates_are_gmt": "true"})))
    except RejectedError as error:
        if error.problem.code != "SPJ-SHOP-NO-API":
            raise
        return []


def _modified_at(order: Json) -> datetime | None:
    return moment(order, "date_modified", "UTC")


def _gmt(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _our_webhooks(api: Api, address: str) -> list[Json]:
    found = items(list(api.pages("webhooks", {})))
    return [
        item for item in found if text(item.get("delivery_url")).rstrip("/") == address.rstrip("/")
    ]


def _state(item: Json) -> WebhookState:
    status = text(item.get("status"))
    return WebhookState(identity(item), text(item.get("topic")), status == "active", status)
