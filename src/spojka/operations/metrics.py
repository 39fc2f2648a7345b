"""Metrics in the format that Prometheus reads.

All figures come from the database when they are asked for: web server and workers are separate
processes, often on separate machines, and what a process counts for itself dies with it. Counters
of rows that are pruned (recorded requests after 90 days) may go back; ``rate()`` takes that for a
restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Count, Model
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.registry import Collector

from spojka import __version__
from spojka.connections import budget
from spojka.connections.models import Account, Call, Connection
from spojka.documents.models import Document, Effect
from spojka.engine import runner
from spojka.engine.models import Wake
from spojka.operations import backup, health
from spojka.orders.models import InboxEvent, Order

__all__ = ["CONTENT_TYPE", "exposition"]


def exposition() -> bytes:
    """Return all metrics as text, in :data:`CONTENT_TYPE`."""
    registry = CollectorRegistry()
    registry.register(_Ledger())
    return generate_latest(registry)


class _Ledger(Collector):
    """Reads the ledger anew for each scrape."""

    def describe(self) -> Iterable[Metric]:
        return []  # so that registering it does not ask the database

    def collect(self) -> Iterable[Metric]:
        yield _gauge("spojka_info", "Version of Spojka.", ["version"], [((__version__,), 1)])
        yield _counted("spojka_events", "Arrivals by way and state.", InboxEvent, "via", "state")
        yield _one_counter("spojka_orders", "Orders known.", Order.objects.count())
        yield _state("spojka_documents", "Documents, by kind and state.", Document, "kind", "state")
        yield _state("spojka_effects", "Effects, by kind and state.", Effect, "kind", "state")
        yield _counted("spojka_calls", "Requests to shops and systems.", Call, "owner", "status")
        yield from _budgets()
        yield _one_gauge(
            "spojka_oldest_waiting_seconds",
            "For how long the work that is due longest has been due.",
            health.oldest_waiting().total_seconds(),
        )
        yield _one_gauge(
            "spojka_due",
            "Things to be looked at that are due now.",
            Wake.objects.filter(due_at__lte=timezone.now()).count(),
        )
        yield _one_gauge(
            "spojka_failing",
            "Things that fail again and again by an error of Spojka itself.",
            len(health.failing()),
        )
        yield _one_gauge(
            "spojka_connections_paused",
            "Connections that wait for a person.",
            Connection.objects.exclude(paused_problem=None).count(),
        )
        yield _one_gauge(
            "spojka_worker_up", "1 where a worker gave a sign of life.", int(runner.is_alive())
        )
        if last := backup.last_at():
            yield _one_gauge(
                "spojka_last_backup_timestamp_seconds",
                "When the last backup was made.",
                last.timestamp(),
            )


def _budgets() -> Iterable[Metric]:
    """Give what each account used, and what is left of its limits that are counted."""
    now = timezone.now()
    calls = CounterMetricFamily(
        "spojka_account_calls", "Requests counted against an account's budget.", labels=["account"]
    )
    left = GaugeMetricFamily(
        "spojka_budget_left", "Calls left to an account.", labels=["account", "window"]
    )
    for account in Account.objects.all():
        calls.add_metric([account.name], account.calls)
        for usage in budget.usage(account, now):
            left.add_metric([account.name, usage.window], usage.left)
    return calls, left


def _grouped(model: type[Model], labels: Sequence[str]) -> list[tuple[tuple[str, ...], int]]:
    counted = model._default_manager.order_by().values_list(*labels).annotate(count=Count("pk"))
    return [
        (tuple("" if value is None else str(value) for value in values), count)
        for *values, count in counted
    ]


def _state(name: str, text: str, model: type[Model], *labels: str) -> Metric:
    return _gauge(name, text, labels, _grouped(model, labels))


def _counted(name: str, text: str, model: type[Model], *labels: str) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in _grouped(model, labels):
        family.add_metric(values, count)
    return family


def _gauge(
    name: str, text: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]
) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for labelled, value in values:
        family.add_metric(labelled, value)
    return family


def _one_gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _one_counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)
