"""Read what ``spojka preview`` is given: orders, captured webhooks, refunds, and whatever else.

Nothing that a file holds stops the others: what is no order becomes a :class:`Rejected` item.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from spojka.core.money import parse_amount
from spojka.core.problem import Problem
from spojka.shops.contract import Ability, MappingError, Source
from spojka.shops.woocommerce.refunds import DETAIL_KEY, refund_parent_id

NOT_ORDER = "SPJ-ORDER-NOT-ORDER"


@dataclass(frozen=True, slots=True)
class Payload:
    """One order as its shop wrote it, with the refunds of the same call joined in."""

    data: Any
    source: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Something that is no order."""

    problem: Problem
    source: str
    refund_id: str = ""
    refund_amount: str = ""


@dataclass(slots=True)
class Inputs:
    """Everything of one call, in the order in which it was given."""

    items: list[Payload | Rejected] = field(default_factory=list)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Refunds by order id and refund id; the same refund given twice counts once."""
    _first_seen: dict[tuple[str, str], str] = field(default_factory=dict)

    def add_refund(self, parent: str, data: Mapping[str, Any], source: str) -> None:
        refund_id = str(data.get("id", ""))
        self.refunds.setdefault(parent, {})[refund_id] = dict(data)
        self._first_seen.setdefault((parent, refund_id), source)

    def joined(self, order_ids: Iterable[str]) -> Iterator[Rejected]:
        """Yield the refunds whose order is not in the call."""
        known = set(order_ids)
        for (parent, refund_id), source in self._first_seen.items():
            if parent not in known:
                data = self.refunds[parent][refund_id]
                yield Rejected(
                    Problem.of("SPJ-REFUND-NO-ORDER", refund=refund_id, order=parent or "?"),
                    source,
                    refund_id,
                    str(data.get("amount", "")),
                )


def read(files: Iterable[Path | None], source: Source) -> list[Payload | Rejected]:
    """Read files (``None`` is standard input) into orders and rejected items.

    Refunds are joined to the orders of the same call that they belong to; a refund whose order
    was not given is rejected with ``SPJ-REFUND-NO-ORDER``.
    """
    inputs = Inputs()
    for file in files:
        name = file.name if file else "stdin"
        try:
            content = file.read_bytes() if file else sys.stdin.buffer.read()
        except OSError as error:
            detail = f"{name}: {error.strerror or error}"
            inputs.items.append(Rejected(Problem.of(NOT_ORDER, detail=detail), name))
            continue
        _read_content(content, name, source, inputs)
    ids = {_order_id(item.data) for item in inputs.items if isinstance(item, Payload)}
    items: list[Payload | Rejected] = [
        _with_refunds(item, inputs.refunds) if isinstance(item, Payload) else item
        for item in inputs.items
    ]
    items.extend(inputs.joined(ids))
    return items


def _read_content(content: bytes, name: str, source: Source, inputs: Inputs) -> None:
    try:
        data = _json(content)
    except ValueError as error:
        if Ability.FILE not in source.descriptor.abilities:
            inputs.items.append(_no_order(name, f"{name}: {error}"))
            return
        # Not JSON: a table, where the platform has one.
        try:
            inputs.items.extend(Payload(item, name) for item in source.split(content, name))
        except MappingError as refused:
            inputs.items.append(Rejected(Problem.of(refused.code, **refused.facts), name))
        return
    _sort(data, name, source, inputs)


def _sort(data: Any, name: str, source: Source, inputs: Inputs) -> None:
    if isinstance(data, list):
        if not data:
            inputs.items.append(_no_order(name, f"{name}: []"))
        for item in data:
            # A list inside a list is no list of orders.
            if isinstance(item, list):
                inputs.items.append(_no_order(name, f"{name}: [[…]]"))
            else:
                _sort(item, name, source, inputs)
        return
    if _is_capture(data):
        try:
            body = _json(data["body"].encode())
        except ValueError as error:
            inputs.items.append(_no_order(name, f"{name}: {error}"))
            return
        if _is_capture(body):
            inputs.items.append(_no_order(name, f"{name}: body"))
        else:
            _sort(body, name, source, inputs)
        return
    if source.descriptor.key == "woocommerce" and _is_refund(data):
        inputs.add_refund(refund_parent_id(data), data, name)
        return
    inputs.items.append(Payload(data, name))


def _is_capture(data: Any) -> bool:
    """Tell whether this is one received HTTP request: its headers and its raw body."""
    return isinstance(data, dict) and "headers" in data and isinstance(data.get("body"), str)


def _is_refund(data: Any) -> bool:
    """Tell a WooCommerce refund from an order: it has a sum given back and no status."""
    return isinstance(data, dict) and "amount" in data and "status" not in data


def _order_id(data: Any) -> str:
    return str(data.get("id", "")) if isinstance(data, dict) else ""


def _with_refunds(payload: Payload, refunds: Mapping[str, Mapping[str, Any]]) -> Payload:
    """Put full refunds into their order, where reading it again would put them."""
    given = refunds.get(_order_id(payload.data))
    if not given:
        return payload
    there = payload.data.get(DETAIL_KEY)
    detail = [*(there if isinstance(there, list) else ()), *given.values()]
    return Payload({**payload.data, DETAIL_KEY: detail}, payload.source)


def _no_order(name: str, detail: str) -> Rejected:
    return Rejected(Problem.of(NOT_ORDER, detail=detail), name)


def _json(content: bytes) -> Any:
    """Parse JSON without floats, so that no cent is lost.

    Raises:
        ValueError: not JSON.
    """
    try:
        # Integers pass through the same check: thousands of digits are an attack, not an amount.
        return json.loads(content, parse_float=_number, parse_constant=_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _number(text: str) -> Any:
    """Return the number exactly, or as its text where it is beyond any amount (``1e400``)."""
    try:
        return parse_amount(text)
    except ValueError:
        return text


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")
