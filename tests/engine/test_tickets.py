"""Tickets of Procrastinate: one for each wake, at once, or a moment later."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from spojka import engine
from spojka.engine.models import Wake

if TYPE_CHECKING:
    from pytest_django import DjangoCaptureOnCommitCallbacks

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(settings.QUEUE != "procrastinate", reason="needs PostgreSQL"),
]
# Any table will do for a row that is woken for.
INSERT = """
INSERT INTO engine_wake (handler, key, account, due_at, again, lease_token, failures, last_error)
VALUES ('other', %s, '', now() + interval '1 day', false, '', 0, '') RETURNING id
"""


def issued() -> list[str]:
    """Return the tickets there are, by their locks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT queueing_lock FROM procrastinate_jobs ORDER BY queueing_lock")
        return [lock for (lock,) in cursor.fetchall()]


def test_a_wake_has_its_ticket_at_once_and_only_one() -> None:
    engine.wake("probe", 1)
    engine.wake("probe", 1)
    assert issued() == ["probe:1"]


def test_what_comes_in_crowds_has_its_ticket_after_the_commit(
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    from spojka.engine import tickets

    posted: list[str] = []
    monkeypatch.setattr(tickets, "post", lambda _handler, key, _at: posted.append(key))
    with django_capture_on_commit_callbacks(execute=True):
        made = engine.insert_and_wake(INSERT, ["1"], "probe", "shop:1")
        assert not posted
    assert posted == [str(made)]
    woken = Wake.objects.get(handler="probe")
    assert (woken.key, woken.account, woken.again) == (str(made), "shop:1", False)
    assert issued() == []


def test_what_was_posted_is_issued_together(monkeypatch: pytest.MonkeyPatch) -> None:
    from spojka.engine import tickets

    issuing, go_on = threading.Event(), threading.Event()
    together: list[list[str]] = []

    def issue_all(wanted: list[tuple[str, str, datetime]]) -> None:
        together.append([key for _, key, _ in wanted])
        issuing.set()
        go_on.wait(10)

    monkeypatch.setattr(tickets, "issue_all", issue_all)
    monkeypatch.setattr(tickets, "LINGER_SECONDS", 0.01)
    before = set(threading.enumerate())
    tickets.post("probe", "1", timezone.now())
    assert issuing.wait(10)
    for key in "2345":
        tickets.post("probe", key, timezone.now())
    (thread,) = set(threading.enumerate()) - before
    go_on.set()
    thread.join(10)
    assert not thread.is_alive()
    assert together == [["1"], ["2", "3", "4", "5"]]


def test_a_ticket_lost_with_its_process_is_issued_again() -> None:
    from spojka.engine import tickets

    made = engine.insert_and_wake(INSERT, ["1"], "probe", "")
    assert issued() == []
    Wake.objects.filter(handler="probe").update(due_at=timezone.now() - timedelta(seconds=3))
    tickets.reissue()
    assert issued() == [f"probe:{made}"]
