"""What the API says of things that Spojka itself fails at."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ninja import Field, Schema

from spojka.documents.stuck import Stuck


class StuckOut(Schema):
    """Something that Spojka itself fails at; it is tried again by itself, later each time."""

    order: int | None = None
    event: int | None = None
    connection: int | None = None
    since: datetime = Field(description="When the first of these failures was.")
    failures: int = Field(description="How often in a row.")
    next_try: datetime | None = Field(description="Null while it is being tried.")
    error: str = Field(description="The kind of error. Its words are in the log.")
    trace: str = Field(description="The mark of its line in the log.")


def stuck_out(one: Stuck) -> dict[str, Any]:
    """Return what Spojka itself fails at."""
    return {
        "order": one.order.pk if one.order else None,
        "event": one.event.pk if one.event else None,
        "connection": one.connection.pk if one.connection else None,
        "since": one.since,
        "failures": one.failures,
        "next_try": one.next_try,
        "error": one.error,
        "trace": one.trace,
    }
