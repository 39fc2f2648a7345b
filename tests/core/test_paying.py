"""Which way an order is paid, by the keys and titles that shops really use."""

from __future__ import annotations

import pytest

from spojka.core.paying import Way, way_of


@pytest.mark.parametrize(
    ("method", "title", "way"),
    [
        ("bacs", "Bankovní převod", Way.TRANSFER),
        ("bacs", "", Way.TRANSFER),
        ("", "Prevod na účet", Way.TRANSFER),
        ("wire_transfer", "", Way.TRANSFER),
        ("ps_wirepayment", "Bankwire", Way.TRANSFER),
        ("cod", "", Way.ON_DELIVERY),
        ("cod", "Hotovost při převzetí", Way.ON_DELIVERY),
        ("", "Dobírka", Way.ON_DELIVERY),
        ("dobirka", "", Way.ON_DELIVERY),
        ("", "Na dobierku", Way.ON_DELIVERY),
        ("ps_cashondelivery", "", Way.ON_DELIVERY),
        ("", "Cash on delivery", Way.ON_DELIVERY),
        ("cheque", "Platba šekem", Way.CHEQUE),
        ("ps_checkpayment", "", Way.CHEQUE),
        ("paypal", "", Way.PAYPAL),
        ("ppcp-gateway", "PayPal", Way.PAYPAL),
        ("comgate", "Platba kartou", Way.GATEWAY),
        ("gopay_payment", "", Way.GATEWAY),
        ("", "Online platba kartou", Way.GATEWAY),
        ("stripe", "Kreditní karta", Way.CARD),
        ("", "Platba kartou", Way.CARD),
        ("", "Apple Pay", Way.CARD),
        ("", "Google Pay", Way.CARD),
        ("", "Hotově na prodejně", Way.CASH),
        ("", "V hotovosti", Way.CASH),
        ("cash", "", Way.CASH),
        ("free", "Zdarma", None),
        ("", "", None),
        ("checkout", "", None),
        ("", "Codex", None),
        ("paypal_express_checkout", "", Way.PAYPAL),
        ("", "Platba bankovou kartou", Way.CARD),
        ("", "Bank card", Way.CARD),
        ("", "Bankovní kartou online", Way.GATEWAY),
        ("", "Sekera", None),
    ],
)
def test_way_of_paying(method: str, title: str, way: Way | None) -> None:
    assert way_of(method, title) == way
