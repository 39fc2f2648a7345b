"""Taking a period of the archive away: a ZIP that can be verified years later without Spojka."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import PurePosixPath
from typing import IO, Any

from django.db.models import Max, Min, QuerySet

from spojka.archive.chain import chain_name
from spojka.archive.models import Blob, Entry
from spojka.companies.models import ChainHead, Company

_COLUMNS = (
    "seq",
    "at",
    "kind",
    "number",
    "subject",
    "name",
    "media_type",
    "size",
    "sha256",
    "file",
    "digest",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_CHUNK = 50

VERIFY_PROGRAM = '''\
"""Verify an export of Spojka's archive: python3 verify.py (standard library only)."""

import hashlib
import json
import pathlib
import sys

here = pathlib.Path(__file__).resolve().parent
chain = json.loads((here / "chain.json").read_text(encoding="utf-8"))
problems = []
seq, digest = chain["preceding"]["seq"], chain["preceding"]["digest"]
for entry in chain["entries"]:
    fields = ("previous", "company", "seq", "at", "kind", "subject", "number", "name",
              "media_type", "facts", "sha256")
    content = json.dumps([entry[field] for field in fields], ensure_ascii=False, sort_keys=True)
    if entry["seq"] != seq + 1:
        problems.append(f"{entry['seq']}: records before it are missing")
    elif entry["previous"] != digest:
        problems.append(f"{entry['seq']}: it does not follow the record before it")
    if hashlib.sha256(content.encode()).hexdigest() != entry["digest"]:
        problems.append(f"{entry['seq']}: the record was changed")
    if entry["file"]:
        path = here / entry["file"]
        if not path.is_file():
            problems.append(f"{entry['seq']}: the file {entry['file']} is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
            problems.append(f"{entry['seq']}: the file {entry['file']} was changed")
    seq, digest = entry["seq"], entry["digest"]
if (seq, digest) != (chain["last"]["seq"], chain["last"]["digest"]):
    problems.append("records at the end are missing")
for problem in problems:
    print("PROBLEM", problem)
print(f"{len(chain['entries'])} records, last digest {digest}:", "BROKEN" if problems else "OK")
sys.exit(1 if problems else 0)
'''

_GUIDE = """\
# Archive of {company}, {since} to {until}

| file | what it is |
|---|---|
| `index.csv` | one row per record, for people (UTF-8, semicolons) |
| `chain.json` | the same records with their digests, for machines |
| folders `YYYY-MM/` | the files, by the month in which they were archived |
| `verify.py` | the program below |

## How to verify it

Unpack the ZIP, open a terminal in its folder and run `python3 verify.py`. It needs Python 3.8 or
newer, no network and nothing of Spojka. It recomputes the digest of each record and the hash of
each file; its last line ends with `OK` or `BROKEN`.

Each record's digest is the SHA-256 of a JSON list of the digest of the record before it and of the
record's own fields, so that no record can be changed, removed or inserted without changing all that
follow. The first record follows the digest `{preceding}`; the last digest is `{last}`. Compare them
with the neighbouring exports: where one ends, the next one begins.

A record whose `file` is empty but which has a `sha256` names a file whose time of keeping was over.

```python
{program}```
"""


def export_zip(company: Company, since: date, until: date) -> bytes:
    """Return what was archived from ``since`` to ``until`` (both included) as a ZIP.

    See :func:`write_zip`, which needs less memory for long periods.
    """
    buffer = io.BytesIO()
    write_zip(company, since, until, buffer)
    return buffer.getvalue()


def write_zip(company: Company, since: date, until: date, stream: IO[bytes]) -> None:
    """Write what was archived in a period as a ZIP: files by month, index, chain, how to verify.

    Args:
        company: Whose archive.
        since: First day, in the company's time zone.
        until: Last day, in the company's time zone.
        stream: Where to; it need not be seekable.
    """
    entries = _of_period(company, since, until)
    links: list[dict[str, Any]] = []
    table = io.StringIO(newline="")
    rows = csv.writer(table, delimiter=";")
    rows.writerow(_COLUMNS)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, blob in _with_blobs(entries):
            file = _file_name(company, entry) if blob is not None else ""
            if blob is not None:
                _add(archive, file, bytes(blob.content))
            link = _link(entry, file)
            links.append(link)
            size = "" if blob is None else blob.size
            rows.writerow([_cell(({**link, "size": size})[column]) for column in _COLUMNS])
        chain = _chain(company, since, until, links)
        guide = _GUIDE.format(
            company=company.name,
            since=since.isoformat(),
            until=until.isoformat(),
            preceding=chain["preceding"]["digest"] or "(none)",
            last=chain["last"]["digest"] or "(none)",
            program=VERIFY_PROGRAM,
        )
        # With the mark, spreadsheet programs read the file as UTF-8.
        _add(archive, "index.csv", table.getvalue().encode("utf-8-sig"))
        _add(archive, "chain.json", json.dumps(chain, ensure_ascii=False, indent=1).encode())
        _add(archive, "VERIFY.md", guide.encode())
        _add(archive, "verify.py", VERIFY_PROGRAM.encode())


def _of_period(company: Company, since: date, until: date) -> QuerySet[Entry]:
    """Return the entries of the period as one unbroken piece of the chain."""
    start = datetime.combine(since, time.min, company.zone)
    end = datetime.combine(until + timedelta(days=1), time.min, company.zone)
    mine = Entry.objects.filter(company=company)
    found = mine.filter(at__gte=start, at__lt=end).aggregate(first=Min("seq"), last=Max("seq"))
    if found["first"] is None:
        return mine.none()
    # A clock that was put back may have left entries of other days between them: they belong here.
    return mine.filter(seq__gte=found["first"], seq__lte=found["last"]).order_by("seq")


def _with_blobs(entries: QuerySet[Entry]) -> Iterator[tuple[Entry, Blob | None]]:
    last = 0
    while chunk := list(entries.filter(seq__gt=last)[:_CHUNK]):
        last = chunk[-1].seq
        blobs = Blob.objects.in_bulk({entry.sha256 for entry in chunk if entry.sha256})
        for entry in chunk:
            yield entry, blobs.get(entry.sha256)


def _link(entry: Entry, file: str) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "at": entry.at.isoformat(),
        "company": entry.company_id,
        "kind": entry.kind,
        "subject": entry.subject,
        "number": entry.number,
        "name": entry.name,
        "media_type": entry.media_type,
        "facts": entry.facts,
        "sha256": entry.sha256,
        "previous": entry.previous,
        "digest": entry.digest,
        "file": file,
    }


def _chain(
    company: Company, since: date, until: date, links: list[dict[str, Any]]
) -> dict[str, Any]:
    head = ChainHead.objects.filter(name=chain_name(company)).first()
    first = links[0] if links else None
    last = links[-1] if links else None
    return {
        "format": "spojka-archive-1",
        "company": {"name": company.name, "company_id": company.company_id},
        "since": since.isoformat(),
        "until": until.isoformat(),
        "preceding": {
            "seq": first["seq"] - 1 if first else 0,
            "digest": first["previous"] if first else "",
        },
        "last": {"seq": last["seq"] if last else 0, "digest": last["digest"] if last else ""},
        "whole_chain": {
            "records": head.length if head else 0,
            "digest": head.digest if head else "",
        },
        "entries": links,
    }


def _file_name(company: Company, entry: Entry) -> str:
    """Return ``YYYY-MM/<position>-<kind>-<number><suffix>``, safe on every file system."""
    month = entry.at.astimezone(company.zone).strftime("%Y-%m")
    suffix = _UNSAFE.sub("", PurePosixPath(entry.name).suffix)[:10]
    stem = "-".join(part for part in (entry.kind, entry.number) if part)
    return f"{month}/{entry.seq:08d}-{_UNSAFE.sub('_', stem)[:80]}{suffix}"


def _cell(value: object) -> str:
    """Write a value so that a spreadsheet program never takes it for a formula."""
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, _ZIP_TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    archive.writestr(info, content)
