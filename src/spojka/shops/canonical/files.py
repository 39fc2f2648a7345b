"""Files of canonical orders: JSON, lines of JSON, and CSV with one row for each order line."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from spojka.shops.contract import MappingError

_ORDER = (
    "number",
    "status",
    "currency",
    "total",
    "total_tax",
    "created_at",
    "modified_at",
    "paid_at",
    "paid_amount",
    "payment_method",
    "payment_title",
    "transaction_id",
    "shipping_method",
    "shipping_title",
    "discount",
    "note",
    "language",
    "customer_reference",
)
_CUSTOMER = ("email", "phone", "company_id", "tax_id", "vat_id")
_ADDRESS = ("name", "company", "street", "street2", "city", "postcode", "state", "country")
_LINE = ("key", "kind", "name", "quantity", "net", "tax", "rate", "sku", "ean", "unit", "variant")
_AMOUNTS = frozenset({"total", "total_tax", "paid_amount", "discount", "quantity", "net", "tax"})
_MOMENTS = frozenset({"created_at", "modified_at", "paid_at"})

COLUMNS = (
    "id",
    *_ORDER,
    *_CUSTOMER,
    *_ADDRESS,
    *(f"delivery_{name}" for name in _ADDRESS),
    *(f"line_{name}" for name in _LINE),
)
"""Columns of the CSV; any order, unknown ones are ignored."""

REQUIRED = ("id", "currency", "total", "created_at", "line_name", "line_net")

_SPACES = re.compile(r"[\s\u00a0\u202f]")
_CZECH_MOMENT = re.compile(
    r"(\d{1,2})\.\s*(\d{1,2})\.\s*(\d{4})(?:[ ,T]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?\Z"
)


def split_json(content: bytes, name: str) -> Iterator[Any]:
    """Yield the orders of a JSON file: one, a list, ``{"orders": […]}``, or one on each line.

    Raises:
        MappingError: SPJ-ORDER-FILE, the file is not JSON.
    """
    text = decode(content)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        yield from _json_lines(text, name, error)
        return
    if isinstance(found, dict) and isinstance(found.get("orders"), list):
        found = found["orders"]
    yield from found if isinstance(found, list) else [found]


def _json_lines(text: str, name: str, first: Exception) -> Iterator[Any]:
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        found = [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        where = f" (line {first.lineno})" if isinstance(first, json.JSONDecodeError) else ""
        detail = f"it is not JSON{where}"
        raise MappingError("SPJ-ORDER-FILE", file=name, detail=detail) from None
    if not found:
        raise MappingError("SPJ-ORDER-FILE", file=name, detail="it is empty")
    yield from found


def split_csv(content: bytes, name: str) -> Iterator[Any]:
    """Yield the orders of a CSV file; rows of one ``id`` make one order.

    The delimiter (semicolon, comma, tab) is recognised, decimals may have a comma, dates may be
    Czech (22.11.2026 10:05). The order's own columns may stand on its first row only.

    Raises:
        MappingError: SPJ-ORDER-FILE, a column is missing, or rows of one order contradict.
    """
    text = decode(content)
    head = text.partition("\n")[0]
    delimiter = max(";,\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise MappingError("SPJ-ORDER-FILE", file=name, detail=str(error)) from None
    names = [cell.strip().lower() for cell in rows[0]] if rows else []
    missing = [column for column in REQUIRED if column not in names]
    if missing:
        detail = f"missing columns: {', '.join(missing)}"
        raise MappingError("SPJ-ORDER-FILE", file=name, detail=detail)
    orders: dict[str, list[dict[str, str]]] = {}
    current = ""
    for number, cells in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        row = {key: cell.strip() for key, cell in zip(names, cells, strict=False)}
        current = row.get("id") or current
        if not current:
            raise MappingError("SPJ-ORDER-FILE", file=name, detail=f"row {number} has no id")
        orders.setdefault(current, []).append({**row, "": str(number)})
    for key, group in orders.items():
        yield _order(key, group, name)


def decode(content: bytes) -> str:
    """Read text in UTF-8, with or without a mark, or else in Windows-1250 (Czech Excel)."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1250", "replace")


def _order(key: str, group: list[dict[str, str]], name: str) -> dict[str, Any]:
    common: dict[str, str] = {}
    for row in group:
        for column, value in row.items():
            if not value or not column or column == "id" or column.startswith("line_"):
                continue
            if common.setdefault(column, value) != value:
                detail = f"row {row['']}: {column} differs from the rows above of order {key}"
                raise MappingError("SPJ-ORDER-FILE", file=name, detail=detail)
    order: dict[str, Any] = {"id": key, **_pick(common, _ORDER)}
    order["customer"] = {**_pick(common, _CUSTOMER), "address": _pick(common, _ADDRESS)}
    delivery = _pick(common, _ADDRESS, "delivery_")
    if delivery:
        order["delivery"] = delivery
    order["lines"] = [_pick(row, _LINE, "line_") for row in group]
    return order


def _pick(row: Mapping[str, str], names: tuple[str, ...], prefix: str = "") -> dict[str, str]:
    return {name: _value(name, row[prefix + name]) for name in names if row.get(prefix + name)}


def _value(name: str, value: str) -> str:
    if name in _AMOUNTS:
        return _amount(value)
    if name == "rate":
        return _amount(value.removesuffix("%"))
    return _moment(value) if name in _MOMENTS else value


def _amount(value: str) -> str:
    """``1 234,50`` and ``1.234,50`` become ``1234.50``; what is no amount is left for the model."""
    packed = _SPACES.sub("", value)
    if "," in packed:
        packed = packed.replace(".", "").replace(",", ".")
    return packed


def _moment(value: str) -> str:
    found = _CZECH_MOMENT.match(value)
    if not found:
        return value
    day, month, year, hour, minute, second = (int(part or 0) for part in found.groups())
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
