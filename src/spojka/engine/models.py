"""What is to be done when; the ledgers of the apps are the truth, this only wakes."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Wake(models.Model):
    """Something to be looked at at ``due_at``: at most one row per (handler, key).

    ``lease_token`` fences: whoever holds the lease may act; a worker whose token is no longer in
    the row has lost it and must not send anything more.
    """

    handler = models.CharField(max_length=40)
    key = models.CharField(max_length=100)
    account = models.CharField(max_length=60, blank=True)
    """Whose budget this uses up; the runner is fair between accounts."""
    due_at = models.DateTimeField(default=timezone.now)
    again = models.BooleanField(default=False)
    """Woken once more while it was running."""
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True)
    failures = models.PositiveIntegerField(default=0)
    """How often in a row its handler failed by an error of our own, or its worker was lost."""
    last_error = models.TextField(blank=True)
    failing_since = models.DateTimeField(null=True)
    """When the first of these failures was."""
    trace = models.CharField(max_length=32, blank=True, default="", db_default="")
    """Of the last failure: the mark of its line in the log."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["handler", "key"], name="wake_once")]
        indexes = [
            models.Index(fields=["due_at"], name="wake_due"),
            models.Index(fields=["account", "due_at", "id"], name="wake_account_due"),
            # Counted on every page, and hardly ever there.
            models.Index(
                fields=["account"],
                name="wake_failing",
                condition=models.Q(failing_since__isnull=False),
            ),
        ]


class PeriodicTask(models.Model):
    """When a periodic task runs next."""

    name = models.CharField(primary_key=True, max_length=60)
    due_at = models.DateTimeField(default=timezone.now)
    last_run_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
