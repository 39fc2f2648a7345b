"""Pages by cursor: a page never skips or repeats a row because others were added meanwhile."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

from django.db.models import Model, QuerySet

from spojka.api.problems import bad_input
from spojka.api.schemas import MOST

M = TypeVar("M", bound=Model)


def page(rows: QuerySet[M], cursor: str, limit: int) -> tuple[list[M], str | None]:
    """Return one page, the newest first, and the cursor of the next one.

    Raises:
        ApiError: the cursor is none of ours.
    """
    rows = rows.order_by("-pk")
    if cursor:
        rows = rows.filter(pk__lt=_read(cursor))
    found = list(rows[: limit + 1])
    if len(found) <= limit:
        return found, None
    return found[:limit], _write(int(found[limit - 1].pk))


def _write(key: int) -> str:
    # Opaque, so that nobody builds on what it is made of.
    return base64.urlsafe_b64encode(f"v1:{key}".encode()).decode().rstrip("=")


def _read(cursor: str) -> int:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        version, _, key = base64.urlsafe_b64decode(padded).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        version, key = "", ""
    if version != "v1" or not key.isascii() or not key.isdecimal() or not int(key[:20]) <= MOST:
        raise bad_input("cursor")
    return int(key[:20])
