"""Procrastinate as the carrier of wakes between machines.

Each due wake has a ticket: one job of Procrastinate, deferred in the transaction of the wake. A
ticket entitles its bearer to one turn, not to one key: the turn goes to the account that was served
longest ago. So 50,000 tickets of one account keep nobody else waiting, although a queue serves the
oldest job first.

``queueing_lock`` keeps a second ticket for the same wake from being issued. Procrastinate's
``lock`` is not used: leases already keep two workers from one key, and a lock held by the job of a
dead worker would keep the heir of its lease waiting for a second thing to expire.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.db.models import Exists, F, OuterRef, Value
from django.db.models.functions import Concat
from django.utils import timezone
from procrastinate import App, jobs
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.contrib.django.utils import connector_params
from procrastinate.psycopg_connector import PsycopgConnector

from spojka.engine import wakes
from spojka.engine.carriers import FORGOTTEN, REISSUE
from spojka.engine.registry import periodic

log = structlog.get_logger("spojka.engine")
QUEUE = "spojka"
TASK = "spojka.turn"
POLL_SECONDS = 1.0
"""How late a ticket for a later time may be; one that is due at once rings."""
HEARTBEAT_SECONDS = 5.0
STALLED_SECONDS = 20.0
"""After this long without a heartbeat a worker is dead, and its tickets are void."""
BUSY_SECONDS = 0.2
MOST_AT_ONCE = 1000

# What Procrastinate's own ``defer`` comes to. That raises where there is such a job already, and so
# needs a savepoint: three statements more for every webhook.
_ISSUE = """
INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args, scheduled_at)
SELECT %s::text, %s::text, lock, args::jsonb, at
FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS wanted(lock, args, at)
ON CONFLICT DO NOTHING
"""
POST_SECONDS = 0.1
"""How long tickets that are in no hurry wait for others, to be issued together."""
LINGER_SECONDS = 20.0
"""How long the thread that issues them waits for the next ones before it ends."""

_stop = threading.Event()
"""Set while this process is to stop, so that nobody waits for a turn any more."""


def issue(handler: str, key: str, at: datetime) -> None:
    """Defer the ticket of a wake, unless it has one; part of the caller's transaction."""
    issue_all([(handler, key, at)])


def issue_all(wanted: Iterable[tuple[str, str, datetime]]) -> None:
    """Defer the tickets of wakes (handler, key, due) that have none, as :func:`issue` does."""
    now = timezone.now()
    locks, words, times = [], [], []
    for handler, key, at in wanted:
        later = at > now
        # A ticket for later does not stand in the way of one for now.
        locks.append(f"{handler}:{key}@{int(at.timestamp())}" if later else f"{handler}:{key}")
        words.append(json.dumps({"handler": handler, "key": key}))
        times.append(at if later else None)
    with connection.cursor() as cursor:
        cursor.execute(_ISSUE, [QUEUE, TASK, locks, words, times])


class _Post:
    """Issues tickets of this process a moment later, many at once.

    Nothing is lost with the process: the wakes are committed, and :func:`reissue` finds them.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[str, str, datetime]] = []
        self._news = threading.Condition()
        self._open = False

    def put(self, handler: str, key: str, at: datetime) -> None:
        with self._news:
            self._waiting.append((handler, key, at))
            if not self._open:
                self._open = True
                threading.Thread(target=self._serve, name="tickets", daemon=True).start()
            self._news.notify()

    def _serve(self) -> None:
        while some := self._next():
            try:
                issue_all(some)
            except Exception as error:  # the database may be away for a while
                expected = isinstance(error, DatabaseError)
                log.warning("tickets not issued", count=len(some), exc_info=not expected)
                connections.close_all()
            time.sleep(POST_SECONDS)
        connections.close_all()

    def _next(self) -> list[tuple[str, str, datetime]]:
        """Wait for tickets to issue and return them; none where there were none for long."""
        with self._news:
            self._news.wait_for(lambda: self._waiting, LINGER_SECONDS)
            some, self._waiting = self._waiting, []
            self._open = bool(some)
            return some


post = _Post().put
"""Issue a ticket a moment later; for use after the commit of its wake."""


def take_turn(handler: str, key: str) -> None:
    """Use a ticket: take one turn, for whomever it is."""
    from spojka.engine import runner  # which serves these tickets

    try:
        # Where all that is due belongs to accounts that have their share of this worker already,
        # the bearer waits: for one of them to be done, or for another account.
        while runner.take_turn() is runner.Turn.BUSY and not _stop.is_set():
            _stop.wait(BUSY_SECONDS)
    except Exception:
        connections.close_all()  # the next turn of this thread begins with a fresh one
        raise


@periodic("engine.tickets", REISSUE)
def reissue() -> None:
    """Issue tickets for what is due and has none: its bearer died, or served somebody else."""
    waiting = ProcrastinateJob.objects.filter(status="todo", queueing_lock=OuterRef("lock"))
    without = (
        wakes.waiting(timezone.now() - FORGOTTEN)
        .annotate(lock=Concat("handler", Value(":"), "key"))
        .exclude(Exists(waiting))
        .order_by(F("due_at"))
    )
    now = timezone.now()
    issue_all((row.handler, row.key, now) for row in without[:MOST_AT_ONCE])


@periodic("engine.tickets.void", timedelta(seconds=20))
def void() -> None:
    """Take the tickets of dead workers away; what they were for is due again without them."""
    manager = app.job_manager
    stalled = async_to_sync(manager.get_stalled_jobs)(seconds_since_heartbeat=STALLED_SECONDS)
    for job in stalled:
        assert job.id is not None
        async_to_sync(manager.finish_job_by_id_async)(
            job_id=job.id, status=jobs.Status.FAILED, delete_job=True
        )
    async_to_sync(manager.prune_stalled_workers)(STALLED_SECONDS)


def serve(stop: threading.Event) -> None:
    """Work on tickets until stopped; what is being done is finished first."""
    while not stop.is_set():
        _stop.clear()
        try:
            asyncio.run(_serve(stop))
        except Exception:  # the database may be away for a while; go on when it is back
            log.exception("queue failed")
        stop.wait(2)


async def _serve(stop: threading.Event) -> None:
    """Run Procrastinate's worker; it ends when stopped, or when it lost the database."""
    threads = settings.WORKER_THREADS
    kwargs = connector_params()
    # Tickets are news, and what a power cut takes back is issued anew: no wait for the disk.
    kwargs["options"] = f"{kwargs.get('options', '')} -c synchronous_commit=off"
    connector = PsycopgConnector(kwargs=kwargs, min_size=1, max_size=threads + 2)
    # An app of its own: what is issued while working still goes through Django's transaction.
    own = App(connector=connector)
    own.task(name=TASK, queue=QUEUE)(take_turn)
    with ThreadPoolExecutor(threads, thread_name_prefix="worker") as pool:
        asyncio.get_running_loop().set_default_executor(pool)
        async with own.open_async():
            worker = asyncio.create_task(
                own.run_worker_async(
                    queues=[QUEUE],
                    concurrency=threads,
                    # Nothing of a finished ticket is worth keeping; the ledger tells it all.
                    delete_jobs=jobs.DeleteJobCondition.ALWAYS,
                    fetch_job_polling_interval=POLL_SECONDS,
                    update_heartbeat_interval=HEARTBEAT_SECONDS,
                    stalled_worker_timeout=STALLED_SECONDS,
                    install_signal_handlers=False,
                )
            )
            while not stop.is_set() and not worker.done():
                await asyncio.sleep(0.1)
            _stop.set()
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)
