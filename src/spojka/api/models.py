"""Answers given under an ``Idempotency-Key``, kept so that a repeated call gets the same one."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from spojka.companies.models import Company


class KeyedAnswer(models.Model):
    """The first call under a key, and its answer once there is one.

    ``status`` is ``null`` while the call is in flight.
    """

    company = models.ForeignKey(Company, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    """Of the method, the address and the body: what the key stands for."""
    started_at = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(null=True)
    content_type = models.CharField(max_length=100, blank=True)
    body = models.BinaryField(default=bytes)

    class Meta:
        app_label = "api"
        constraints = [models.UniqueConstraint(fields=["company", "key"], name="answer_once")]
        indexes = [models.Index(fields=["started_at"], name="answer_age")]

    def __str__(self) -> str:
        return self.key
