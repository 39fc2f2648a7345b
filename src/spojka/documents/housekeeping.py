"""What is thinned out by itself: archived files past their retention."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from spojka.archive import store
from spojka.companies.models import Company
from spojka.core.dates import local_date
from spojka.engine.registry import periodic


@periodic("archive.retention", timedelta(days=1))
def apply_retention() -> None:
    """Erase archived files that are past the company's retention; the chain keeps their record."""
    for company in Company.objects.all():
        store.apply_retention(company, local_date(timezone.now(), company.zone))
