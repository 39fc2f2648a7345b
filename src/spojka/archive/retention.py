"""The retention rule: how long bytes are kept, and how their erasing is itself put on record."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, time

from django.db import transaction
from django.db.models import Exists, OuterRef

from spojka.archive.chain import RETENTION, append, chain_name, last_year_of_keeping
from spojka.archive.models import Blob, Entry
from spojka.companies.models import ChainHead, Company

_CHUNK = 200


def apply_retention(company: Company, today: date) -> int:
    """Erase the files whose time of keeping is over; returns how many.

    A file is kept through the last day of ``company.retention_years`` full calendar years after the
    year in which its document was issued or its entry was written, whichever is later. Zero years
    means: for ever. Entries are never erased, only the bytes that they name; what was erased is
    listed in an entry of its own. Bytes that a younger entry names as well stay.

    Args:
        company: Whose archive.
        today: Date in the company's time zone.
    """
    first_kept_year = today.year - company.retention_years
    if not company.retention_years or first_kept_year < 1:
        return 0
    start = datetime.combine(date(first_kept_year, 1, 1), time.min, company.zone)
    candidates = (
        Entry.objects.filter(company=company, at__lt=start)
        .exclude(sha256="")
        .filter(Exists(Blob.objects.filter(sha256=OuterRef("sha256"))))
        .order_by("seq")
    )
    erased, last = 0, 0
    while True:
        with transaction.atomic():
            # The lock keeps others from naming the bytes anew while they are being erased.
            ChainHead.lock(chain_name(company))
            chunk = list(candidates.filter(seq__gt=last)[:_CHUNK])
            if not chunk:
                return erased
            last = chunk[-1].seq
            erased += _erase(company, today, {entry.sha256 for entry in chunk})


def _erase(company: Company, today: date, hashes: set[str]) -> int:
    naming: dict[str, list[Entry]] = defaultdict(list)
    for entry in Entry.objects.filter(sha256__in=hashes).order_by("company_id", "seq"):
        naming[entry.sha256].append(entry)
    issued = _issue_years(company, {entry.subject for group in naming.values() for entry in group})

    def is_old(entry: Entry) -> bool:
        year = max(entry.at.astimezone(company.zone).year, issued.get(entry.subject, 0))
        return (
            entry.company_id == company.pk
            and last_year_of_keeping(year, company.retention_years) < today.year
        )

    going = {sha256: group for sha256, group in naming.items() if all(map(is_old, group))}
    if going:
        listed = sorted((entry for group in going.values() for entry in group), key=_position)
        append(
            company,
            kind=RETENTION,
            subject="archive",
            facts={
                "on": today.isoformat(),
                "years": company.retention_years,
                "erased": [
                    {
                        "seq": entry.seq,
                        "kind": entry.kind,
                        "number": entry.number,
                        "name": entry.name,
                        "sha256": entry.sha256,
                    }
                    for entry in listed
                ],
            },
        )
        Blob.objects.filter(sha256__in=going).delete()
    return len(going)


def _position(entry: Entry) -> int:
    return entry.seq


def _issue_years(company: Company, subjects: set[str]) -> dict[str, int]:
    """Return the year of issue by document, where its ``issued`` entry states a date."""
    rows = Entry.objects.filter(company=company, kind="issued", subject__in=subjects)
    return {
        subject: date.fromisoformat(facts["issued_on"]).year
        for subject, facts in rows.values_list("subject", "facts")
        if isinstance(facts.get("issued_on"), str)
    }
