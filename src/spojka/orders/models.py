"""The inbox of raw events, and orders as one row per order and one row per version."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from spojka.companies.models import Company
from spojka.connections.models import Shop
from spojka.core import codec
from spojka.core.order import Order as CoreOrder


class InboxEvent(models.Model):
    """What arrived, as it arrived, stored before it is answered."""

    class Via(models.TextChoices):
        WEBHOOK = "webhook", _("webhook")
        POLL = "poll", _("polling")
        API = "api", "API"
        IMPORT = "import", _("import")

    class State(models.TextChoices):
        NEW = "new", _("waiting")
        DONE = "done", _("done")
        IGNORED = "ignored", _("ignored")
        FAILED = "failed", _("failed")

    shop = models.ForeignKey(Shop, models.CASCADE, related_name="events")
    via = models.CharField(max_length=10, choices=Via.choices)
    received_at = models.DateTimeField(default=timezone.now)
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    digest = models.CharField(max_length=64, db_index=True)
    topic = models.CharField(max_length=80, blank=True)
    external_id = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.NEW)
    outcome = models.CharField(max_length=40, blank=True)
    """``created``, ``changed``, ``unchanged``, ``deleted``, ``ping``, …"""
    problem = models.JSONField(null=True)
    handled_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    trace = models.CharField(max_length=32, blank=True, default="", db_default="")
    """See :mod:`spojka.core.trace`."""

    class Meta:
        ordering = ("-id",)
        indexes = [models.Index(fields=["shop", "state"], name="event_state")]


class Order(models.Model):
    """An order of a shop; its content is in the current version."""

    shop = models.ForeignKey(Shop, models.CASCADE, related_name="orders")
    company = models.ForeignKey(Company, models.CASCADE, related_name="orders")
    external_id = models.CharField(max_length=200)
    number = models.CharField(max_length=60, db_index=True)
    status = models.CharField(max_length=60)
    currency = models.CharField(max_length=3)
    total = models.DecimalField(max_digits=18, decimal_places=4)
    customer = models.CharField(max_length=200, blank=True)
    email = models.CharField(max_length=254, blank=True)
    country = models.CharField(max_length=2, blank=True)
    payment_title = models.CharField(max_length=200, blank=True)
    shipping_title = models.CharField(max_length=200, blank=True)
    ordered_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True)
    current = models.ForeignKey("OrderVersion", models.PROTECT, null=True, related_name="+")
    deleted_at = models.DateTimeField(null=True)
    """The shop no longer has it (trashed or removed)."""
    received_at = models.DateTimeField(default=timezone.now)
    ignored_reason = models.CharField(max_length=300, blank=True)
    """A person decided that this order needs no document."""

    class Meta:
        ordering = ("-ordered_at", "-id")
        constraints = [
            models.UniqueConstraint(fields=["shop", "external_id"], name="order_once_per_shop")
        ]
        indexes = [
            # What the list is searched by, in its order. A row of it must fit into a third of a
            # page of PostgreSQL (2,704 bytes), whatever letters the texts are written in.
            models.Index(
                fields=[
                    "company",
                    "-ordered_at",
                    "-id",
                    "shop",
                    "status",
                    "number",
                    "customer",
                    "email",
                ],
                name="order_listed",
            ),
            models.Index(fields=["company", "status"], name="order_status"),
            models.Index(
                fields=["company", "-ordered_at", "-id", "deleted_at", "ignored_reason"],
                name="order_living",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    def content(self) -> CoreOrder:
        """Return the current snapshot."""
        assert self.current is not None
        return self.current.order_content()

    def readable_content(self) -> CoreOrder | None:
        """Return the current snapshot; ``None`` where what is stored cannot be read.

        For the faces: where that is seen and mended must not fail as well.
        """
        try:
            return self.content()
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return None


class OrderVersion(models.Model):
    """A snapshot of an order; a new one is made only where the content changed."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="versions")
    ordinal = models.PositiveIntegerField()
    content = models.JSONField()
    """The core order, as :mod:`spojka.core.codec` writes it."""
    payload = models.JSONField()
    """The source's own data, for the inspector and for reading again."""
    digest = models.CharField(max_length=64)
    event = models.ForeignKey(InboxEvent, models.SET_NULL, null=True, related_name="versions")
    created_at = models.DateTimeField(default=timezone.now)
    trace = models.CharField(max_length=32, blank=True, default="", db_default="")
    """Of the event, or of the reading of the shop, that brought this version."""

    class Meta:
        ordering = ("ordinal",)
        constraints = [
            models.UniqueConstraint(fields=["order", "ordinal"], name="version_ordinal_once")
        ]

    def order_content(self) -> CoreOrder:
        return codec.load(CoreOrder, self.content)

    def as_json(self) -> Any:
        return self.content
