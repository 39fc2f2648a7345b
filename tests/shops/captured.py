"""The captured WooCommerce orders and deliveries (see their INDEX.md)."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "fixtures" / "woocommerce"


def load(name: str) -> Any:
    """Load a captured answer as a careful client reads it: decimals, no floats."""
    return json.loads((FOLDER / name).read_text(), parse_float=Decimal)


def order(name: str) -> dict[str, Any]:
    """Load a captured order."""
    found = load(f"orders/{name}.json")
    assert isinstance(found, dict)
    return found


def deliveries() -> list[tuple[str, dict[str, str], bytes, str]]:
    """All captured deliveries: (name, headers, raw body, path)."""
    found = []
    for path in sorted((FOLDER / "webhooks").glob("*.json")):
        captured = json.loads(path.read_text())
        headers = {name.lower(): value for name, value in captured["headers"]}
        found.append((path.stem, headers, captured["body"].encode(), captured["path"]))
    return found


def all_orders() -> list[tuple[str, dict[str, Any]]]:
    """Every order among the captured answers and deliveries."""
    names = sorted(path.stem for path in (FOLDER / "orders").glob("*.json"))
    found = [(name, load(f"orders/{name}.json")) for name in names]
    found += [
        (name, json.loads(body)) for name, _, body, _ in deliveries() if body.startswith(b"{")
    ]
    return [
        (name, item)
        for name, item in found
        if isinstance(item, dict) and "line_items" in item and "total" in item
    ]
