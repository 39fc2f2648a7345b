"""Appending to a company's archive, reading from it, and proving that nothing in it changed.

Entries form a hash chain: each digest covers the entry and the digest before it. The length and the
last digest are kept beside the chain, so that an entry cut off at its end is missed, too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from spojka.archive.models import Blob, Entry
from spojka.companies.models import ChainHead, Company
from spojka.core.problem import Problem

RETENTION = "retention"
"""Kind of the entries that list which bytes the retention rule erased."""

_CHUNK = 100
_NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of :func:`verify`. ``problems`` are in the order of the chain."""

    ok: bool
    entries: int
    problems: list[Problem]


@dataclass(frozen=True, slots=True)
class Record:
    """What is to be appended.

    Args:
        kind: What happened: ``issued``, ``pdf``, ``isdoc``, ``email``, ``write_back``, ``paid``, …
        subject: UUID of the document.
        number: Number of the document, where it has one.
        name: File name of the bytes.
        media_type: Media type of the bytes.
        content: The bytes; ``None`` where the fact alone is kept. Equal bytes are stored once.
        facts: Further facts, free of secrets: text, whole numbers, flags, lists and mappings.
    """

    kind: str
    subject: str
    number: str = ""
    name: str = ""
    media_type: str = ""
    content: bytes | None = None
    facts: Mapping[str, Any] | None = None


def append(
    company: Company,
    *,
    kind: str,
    subject: str,
    number: str = "",
    name: str = "",
    media_type: str = "",
    content: bytes | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Entry:
    """Append an entry, with its bytes; see :class:`Record` and :func:`append_all`."""
    record = Record(kind, subject, number, name, media_type, content, facts)
    return append_all(company, [record])[0]


def append_all(company: Company, records: Iterable[Record]) -> list[Entry]:
    """Append entries (one at least), with their bytes, as part of the caller's transaction.

    The company's chain stays locked until that transaction ends: append late in it. Who also writes
    to the audit log in the same transaction does so after appending, always, so that two
    transactions cannot wait for each other.

    Raises:
        ValueError: the facts hold something that JSON cannot carry exactly, such as a float.
    """
    exact = [(record, _exact(dict(record.facts or {}))) for record in records]
    entries: list[Entry] = []
    blobs: dict[str, Blob] = {}
    with transaction.atomic(savepoint=False):
        head = ChainHead.lock(chain_name(company))
        previous = head.digest
        for seq, (record, facts) in enumerate(exact, start=head.length + 1):
            sha256 = ""
            if record.content is not None:
                sha256 = hashlib.sha256(record.content).hexdigest()
                size = len(record.content)
                blobs[sha256] = Blob(sha256=sha256, size=size, content=record.content)
            entry = Entry(
                company=company,
                seq=seq,
                at=timezone.now(),
                kind=record.kind,
                subject=record.subject,
                number=record.number,
                name=record.name[:_NAME_LENGTH],
                media_type=record.media_type,
                facts=facts,
                sha256=sha256,
                previous=previous,
            )
            entry.digest = previous = entry.computed_digest()
            entries.append(entry)
        Blob.objects.bulk_create(
            blobs.values(), update_conflicts=True, unique_fields=["sha256"], update_fields=["size"]
        )
        Entry.objects.bulk_create(entries)
        head.extend(*(entry.digest for entry in entries))
    return entries


def read(sha256: str) -> bytes | None:
    """Return archived bytes, or ``None`` where they are not or, by retention, no more."""
    content = Blob.objects.filter(sha256=sha256).values_list("content", flat=True).first()
    return None if content is None else bytes(content)


def verify(company: Company) -> Verification:
    """Recompute the whole chain of a company and the hash of every file in it.

    It finds an entry that was changed, removed (at the end, too), inserted or moved, and a file
    that was changed or is missing without the retention rule having erased it.
    """
    check = _Check(company.zone)
    for chunk in _chunks(Entry.objects.filter(company=company).order_by("seq").iterator(_CHUNK)):
        check.take(chunk)
    head = ChainHead.objects.filter(name=chain_name(company)).first()
    check.finish(head.length if head else 0, head.digest if head else "")
    return Verification(not check.problems, check.count, check.problems)


def chain_name(company: Company) -> str:
    """Return the name of the company's chain among all chains."""
    return f"archive:{company.pk}"


def last_year_of_keeping(year: int, years: int) -> int:
    """Return the last calendar year through which what was issued in ``year`` must be kept.

    The periods of § 35 Act 235/2004 (CZ) and § 76 Act 222/2004 (SK), ten years each, are counted
    from the end of the year, so that the rule here is counted in whole calendar years, too.
    """
    return year + years


def _exact(value: Any) -> Any:
    """Return ``value`` as every database gives it back, so that its digest stays the same."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return value.replace("\x00", "")  # which PostgreSQL cannot store
    if isinstance(value, Mapping):
        return {_exact(str(key)): _exact(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_exact(item) for item in value]
    raise ValueError(
        f"the archive takes no {type(value).__name__} as a fact: {json.dumps(str(value))}"
    )


def _chunks(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    iterator = iter(entries)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


class _Check:
    """One walk along a chain."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self.problems: list[Problem] = []
        self.count = 0
        self._seq = 0
        self._digest = ""
        self._sound: set[str] = set()
        self._missing: list[Entry] = []
        self._erased: dict[int, tuple[str, int, int]] = {}
        """By position: hash, the year in which it was erased, and the years of keeping then."""

    def take(self, chunk: list[Entry]) -> None:
        wanted = {entry.sha256 for entry in chunk if entry.sha256} - self._sound
        blobs = Blob.objects.in_bulk(wanted)
        for entry in chunk:
            self._link(entry)
            if entry.sha256 and entry.sha256 not in self._sound:
                self._file(entry, blobs.get(entry.sha256))
            if entry.kind == RETENTION:
                self._note_erased(entry)

    def finish(self, length: int, digest: str) -> None:
        """Judge what is known only at the end: missing files, and the end itself."""
        for entry in self._missing:
            if not self._erased_rightly(entry):
                self._report("SPJ-ARCHIVE-FILE-MISSING", record=entry.seq, name=entry.name)
        if self._seq != length:
            self._report("SPJ-ARCHIVE-END", found=self._seq, expected=length)
        elif self._digest != digest:
            self._report("SPJ-ARCHIVE-BROKEN", record=self._seq)

    def _report(self, code: str, **facts: object) -> None:
        self.problems.append(Problem.of(code, **facts))

    def _link(self, entry: Entry) -> None:
        self.count += 1
        if entry.seq != self._seq + 1:
            missing = self._seq + 1
            self._report("SPJ-ARCHIVE-RECORD-MISSING", first=missing, last=entry.seq - 1)
        elif entry.previous != self._digest:
            self._report("SPJ-ARCHIVE-BROKEN", record=entry.seq)
        if entry.computed_digest() != entry.digest:
            self._report("SPJ-ARCHIVE-RECORD-CHANGED", record=entry.seq, number=entry.number)
        # Go on from what is stored: one damage is to be reported once, not by all that follow.
        self._seq, self._digest = entry.seq, entry.digest

    def _file(self, entry: Entry, blob: Blob | None) -> None:
        if blob is None:
            self._missing.append(entry)
        elif hashlib.sha256(blob.content).hexdigest() != entry.sha256:
            self._report("SPJ-ARCHIVE-FILE-CHANGED", record=entry.seq, name=entry.name)
        else:
            self._sound.add(entry.sha256)

    def _note_erased(self, entry: Entry) -> None:
        try:
            year = date.fromisoformat(entry.facts["on"]).year
            years = int(entry.facts["years"])
            listed = [(int(item["seq"]), str(item["sha256"])) for item in entry.facts["erased"]]
        except (KeyError, TypeError, ValueError):
            return  # then it erased nothing, and what is missing is reported as missing
        for seq, sha256 in listed:
            self._erased[seq] = (sha256, year, years)

    def _erased_rightly(self, entry: Entry) -> bool:
        if entry.seq not in self._erased:
            return False
        sha256, year, years = self._erased[entry.seq]
        return sha256 == entry.sha256 and (
            last_year_of_keeping(entry.at.astimezone(self._zone).year, years) < year
        )
