"""The way in which an order is paid, told by the names that shops give it."""

from __future__ import annotations

import re
from enum import StrEnum


class Way(StrEnum):
    """Ways of paying that accounting systems tell apart."""

    TRANSFER = "transfer"
    CARD = "card"
    CASH = "cash"
    ON_DELIVERY = "on_delivery"
    CHEQUE = "cheque"
    PAYPAL = "paypal"
    GATEWAY = "gateway"
    """Online, by a payment gateway: card or transfer, which only the gateway knows."""


# The first that fits wins. Czech, Slovak and English names, and the keys of common gateways.
_WORDS: tuple[tuple[Way, str], ...] = (
    (Way.ON_DELIVERY, r"\bcod\b|cash.?on.?delivery|dob[ií]rk|dobierk"),
    (Way.CHEQUE, r"che(que|ck(?!.?out))|\b[šs]ek(em|y)?\b"),
    (Way.PAYPAL, r"paypal|ppcp"),
    (
        Way.GATEWAY,
        r"comgate|gopay|thepay|barion|besteron|trustpay|viamo|gpwebpay|pays\b|online|adyen|mollie",
    ),
    (Way.TRANSFER, r"transfer|bacs|bank(?!\w*.?(kart|card))|p[řr]evod|prevod|wire"),
    (Way.CARD, r"card|kart|stripe|apple|google.?pay"),
    (Way.CASH, r"cash|hotov"),
)


def way_of(method: str, title: str = "") -> Way | None:
    """Return the way of paying by the shop's key of it and its title; ``None``: neither tells."""
    name = f"{method} {title}".replace("_", " ").casefold()
    return next((way for way, words in _WORDS if re.search(words, name)), None)
