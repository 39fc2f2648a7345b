"""The archive: append-only entries in a hash chain per company, and the bytes they name.

Bytes live in the database, so that an entry and its file are committed together: a killed process
leaves both or neither, and every machine of an installation sees them.
"""

from __future__ import annotations

import hashlib
import json

from django.db import models
from django.utils import timezone

from spojka.companies.models import Company


class Blob(models.Model):
    """Bytes, stored once. Removed only by the retention rule; the entry that names them stays."""

    sha256 = models.CharField(primary_key=True, max_length=64)
    size = models.PositiveBigIntegerField()
    content = models.BinaryField()


class Entry(models.Model):
    """One fact that must never be lost or changed. The database refuses updates and deletes."""

    company = models.ForeignKey(Company, models.PROTECT, related_name="archive_entries")
    seq = models.PositiveBigIntegerField()
    """Position in the company's chain, counted from one, without gaps."""
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=40)
    """``issued``, ``pdf``, ``isdoc``, ``email``, ``write_back``, ``paid``, ``cancelled``, …"""
    subject = models.CharField(max_length=100)
    """UUID of the document."""
    number = models.CharField(max_length=60, blank=True)
    name = models.CharField(max_length=200, blank=True)
    media_type = models.CharField(max_length=100, blank=True)
    facts = models.JSONField(default=dict)
    sha256 = models.CharField(max_length=64, blank=True)
    previous = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ("company_id", "seq")
        constraints = [models.UniqueConstraint(fields=["company", "seq"], name="archive_seq")]
        indexes = [
            models.Index(fields=["subject"], name="archive_subject"),
            models.Index(fields=["company", "at"], name="archive_at"),
        ]

    def computed_digest(self) -> str:
        """Return the digest that this entry must have."""
        content = json.dumps(
            [
                self.previous,
                self.company_id,
                self.seq,
                self.at.isoformat(),
                self.kind,
                self.subject,
                self.number,
                self.name,
                self.media_type,
                self.facts,
                self.sha256,
            ],
            ensure_ascii=False,
            sort_keys=True,
        )
        return hashlib.sha256(content.encode()).hexdigest()
