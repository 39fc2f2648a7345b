"""Canonical orders as an order source: what our API and file imports take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spojka.core.order import Order
from spojka.shops.canonical.files import split_csv, split_json
from spojka.shops.canonical.mapping import parse_order
from spojka.shops.contract import Ability, MappingOptions, ShopDescriptor

DESCRIPTOR = ShopDescriptor(
    key="canonical",
    name="API, JSON, CSV",
    summary={
        "cs": "Objednávky ve formátu Spojky: přes REST API nebo ze souboru JSON či CSV.",
        "sk": "Objednávky vo formáte Spojky: cez REST API alebo zo súboru JSON či CSV.",
        "en": "Orders in Spojka's own format: by the REST API, or from a JSON or CSV file.",
    },
    fields=(),
    abilities=frozenset({Ability.FILE}),
    file_types=("json", "jsonl", "csv"),
)


class Canonical:
    """Operations on canonical orders; see :class:`spojka.shops.contract.Source`."""

    descriptor = DESCRIPTOR

    def parse(self, payload: Any, options: MappingOptions) -> Order:
        """Read one order; see :func:`~spojka.shops.canonical.mapping.parse_order`."""
        return parse_order(payload, options)

    def split(self, content: bytes, name: str) -> Iterator[Any]:
        """Take a file apart; it is CSV by its name, or where it does not begin like JSON."""
        ending = name.rpartition(".")[2].lower()
        begins_like_json = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
        if ending in ("csv", "txt") or (ending not in ("json", "jsonl") and not begins_like_json):
            return split_csv(content, name)
        return split_json(content, name)


SOURCE = Canonical()
