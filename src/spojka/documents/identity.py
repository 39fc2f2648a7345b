"""The identity of a document, and the snapshot of the order that it is made from."""

from __future__ import annotations

import hashlib
import uuid

from spojka.core.document import Kind
from spojka.orders.models import Order, OrderVersion

_SHORTEST = 12
_DOCUMENTS = uuid.UUID("6f1d3c0e-5b7a-4f6e-9c53-2a8f0d9b1e47")


def document_uuid(order: Order, kind: Kind, ordinal: int = 1, refund_id: str = "") -> uuid.UUID:
    """Return the identity of a document; it is the key of everything that is done for it.

    It is made of the order and not of chance: an installation that was restored from a backup
    finds by it what was issued after the backup, instead of issuing it a second time. The shop is
    named by the token of its webhook address, which no two shops share, on any installation.
    """
    name = "|".join((order.shop.path_token, order.external_id, kind, str(ordinal), refund_id))
    return uuid.uuid5(_DOCUMENTS, name)


def create_key(document_uuid: uuid.UUID | str) -> str:
    """Return the key under which a document is created, and found again, in its system."""
    return f"{document_uuid}:create"


def is_key(told: str, key: str) -> bool:
    """Tell whether a system tells this key: whole, or as the digest that it has room for.

    Adapters shorten a key to the first (12 or more) hexadecimal digits of its SHA-256.
    """
    digest = hashlib.sha256(key.encode()).hexdigest()
    return told == key or (len(told) >= _SHORTEST and digest.startswith(told))


def current_version(order: Order) -> OrderVersion:
    """Return the order's latest snapshot; an order without one is never planned."""
    assert order.current is not None
    return order.current
