"""Refunds of WooCommerce: by rows, by amount, of fees and shipping, and contradictory ones."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from spojka.core.money import total
from spojka.core.order import LineKind
from spojka.shops.contract import MappingError, MappingOptions
from spojka.shops.woocommerce.mapping import parse_order
from spojka.shops.woocommerce.refunds import parse_refund, refund_parent_id
from tests.shops import captured

OPTIONS = MappingOptions()
D = Decimal


def test_a_refund_in_the_order_is_only_a_sum() -> None:
    order = parse_order(captured.order("rest-20e-order-after-partial-refund"), OPTIONS)
    (refund,) = order.refunds
    assert (refund.external_id, refund.amount, refund.detailed) == ("54", D("499.00"), False)
    assert (refund.lines, refund.reason) == ((), "Vráceno 1 ks")
    assert order.total == D("1836.70"), "a refund never changes the total"


def test_a_refund_by_rows_refers_to_the_rows_of_the_order() -> None:
    payload = captured.order("rest-20e-order-after-partial-refund")
    refund = parse_refund(captured.order("rest-20d-refund-partial-line"), payload, OPTIONS)
    (line,) = refund.lines
    assert (line.key, line.rate, line.quantity) == ("115", D(21), D(-1))
    assert (line.net, line.tax) == (D("-412.40"), D("-86.60"))
    assert (refund.amount, refund.detailed, refund.problems) == (D("499.00"), True, ())


def test_a_refund_by_amount_has_no_rows() -> None:
    payload = captured.order("rest-20h-order-after-full-refund")
    refund = parse_refund(captured.order("rest-20f-refund-amount-only"), payload, OPTIONS)
    assert (refund.amount, refund.lines, refund.detailed) == (D("100.00"), (), True)


@pytest.mark.parametrize("key", ["refunds_detail", "refunds"])
def test_full_refunds_replace_the_summaries(key: str) -> None:
    payload = captured.order("rest-20h-order-after-full-refund")
    payload[key] = captured.load("orders/rest-20i-refunds-list.json")
    refunds = parse_order(payload, OPTIONS).refunds
    assert [refund.external_id for refund in refunds] == ["54", "55", "56"]
    assert [len(refund.lines) for refund in refunds] == [1, 0, 0]
    assert all(refund.detailed for refund in refunds)
    assert total(refund.amount for refund in refunds) == D("1836.70")


def test_shipping_and_fees_of_the_collection() -> None:
    payload = next(item for _, item in captured.all_orders() if item["id"] == 72)
    full = captured.load("orders/refunds-collection.json")
    refunds = {item["id"]: parse_refund(item, payload, OPTIONS) for item in full}
    assert [line.kind for line in refunds[74].lines] == [LineKind.FEE]
    assert [line.kind for line in refunds[73].lines] == [LineKind.SHIPPING]
    keys = {line.key for line in parse_order(payload, OPTIONS).lines}
    for refund in refunds.values():
        assert not refund.problems
        assert {line.key for line in refund.lines} <= keys
        assert -total(line.gross for line in refund.lines) == (refund.amount if refund.lines else 0)
    assert (refunds[75].amount, refunds[75].lines) == (D(0), ())


def refunded(**changes: Any) -> dict[str, Any]:
    return {**captured.order("rest-20d-refund-partial-line"), **changes}


def test_rows_that_miss_the_amount_are_named() -> None:
    payload = captured.order("rest-20e-order-after-partial-refund")
    refund = parse_refund(refunded(amount="600.00"), payload, OPTIONS)
    (problem,) = refund.problems
    assert problem.code == "SPJ-REFUND-SUM"
    assert problem.facts["rows"] == "499.00"
    assert problem.facts["amount"] == "600.00"


def test_the_rate_comes_from_the_original_row_where_the_refund_names_none() -> None:
    payload = captured.order("rest-20e-order-after-partial-refund")
    row = {**refunded()["line_items"][0], "taxes": []}
    refund = parse_refund(refunded(line_items=[row], tax_lines=[]), payload, OPTIONS)
    assert (refund.lines[0].rate, refund.problems) == (D(21), ())


def test_rows_of_nothing_are_a_refund_by_amount() -> None:
    payload = captured.order("rest-20e-order-after-partial-refund")
    row = {**refunded()["line_items"][0], "total": "0.00", "total_tax": "0.00"}
    refund = parse_refund(refunded(line_items=[row]), payload, OPTIONS)
    assert (refund.lines, refund.problems, refund.amount) == ((), (), D("499.00"))


def test_the_parent_is_read_from_the_field_or_the_link() -> None:
    assert refund_parent_id(captured.load("orders/refunds-collection.json")[0]) == "72"
    assert refund_parent_id(captured.order("rest-20d-refund-partial-line")) == "53"
    assert refund_parent_id({"id": 1}) == ""
    assert refund_parent_id([]) == ""


@pytest.mark.parametrize("payload", [None, [], {}, {"id": 1}, {"amount": "1.00"}])
def test_what_is_no_refund(payload: Any) -> None:
    with pytest.raises(MappingError) as caught:
        parse_refund(payload, captured.order("rest-20-create-pending"), OPTIONS)
    assert caught.value.code == "SPJ-REFUND-NOT-REFUND"
