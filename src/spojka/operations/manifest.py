"""What a backup says of itself: of which version it is, and what its files must be.

A backup is a folder::

    manifest.json     written last: a folder without it is no backup
    database.sqlite3  SQLite: the whole database, the archive included
    tables/*.copy.gz  PostgreSQL: each table as ``COPY … TO`` gives it

The keys that open the credentials are never in it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from spojka.core.problem import Problem

NAME = "manifest.json"
FORMAT = 1
_PIECE = 1 << 20


class BackupError(Exception):
    """A backup cannot be made or used; ``problems`` are explained by the catalogue."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(", ".join(problem.code for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class File:
    """A file of a backup."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Chain:
    """The end of a hash chain in the moment of the backup."""

    length: int
    digest: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The description of a backup."""

    version: str
    """Of Spojka."""
    vendor: str
    """``sqlite`` or ``postgresql``."""
    made_at: datetime
    """Everything committed before is in it; aware."""
    migrations: tuple[tuple[str, str], ...]
    """Applied ones, as (app, name), in the order of application."""
    files: Mapping[str, File]
    chains: Mapping[str, Chain]
    """Of the audit log and of every company's archive."""
    keys: tuple[str, ...]
    """Ids of the keys that seal its credentials."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Companies, orders, documents: for whoever looks at it."""


def file_of(path: Path) -> File:
    """Return size and hash of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return File(size, digest.hexdigest())


def write(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, with a digest of its own content."""
    content = asdict(manifest) | {"format": FORMAT, "made_at": manifest.made_at.isoformat()}
    path = folder / NAME
    with path.open("w", encoding="utf-8") as file:
        json.dump(content | {"digest": _digest(content)}, file, indent=2, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())


def read(folder: Path) -> Manifest:
    """Read the manifest of a backup and prove that all its files are what they were.

    Raises:
        BackupError: ``SPJ-BACKUP-DAMAGED`` or ``SPJ-BACKUP-NEWER``.
    """
    try:
        content: dict[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
        form = int(content["format"])
    except OSError as error:
        raise _damaged(folder, f"{NAME}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, NAME) from error
    if form > FORMAT:
        version = content.get("version", "?")
        raise BackupError(Problem.of("SPJ-BACKUP-NEWER", version=version, detail=f"format {form}"))
    try:
        digest = content.pop("digest")
        manifest = _manifest(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(folder, NAME) from error
    if digest != _digest(content):
        raise _damaged(folder, NAME)
    for name, wanted in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise _damaged(folder, f"{name} is missing")
        if file_of(path) != wanted:
            raise _damaged(folder, f"{name} was changed")
    return manifest


def _manifest(content: Mapping[str, Any]) -> Manifest:
    return Manifest(
        version=content["version"],
        vendor=content["vendor"],
        made_at=datetime.fromisoformat(content["made_at"]),
        migrations=tuple((app, name) for app, name in content["migrations"]),
        files={name: File(**file) for name, file in content["files"].items()},
        chains={name: Chain(**chain) for name, chain in content["chains"].items()},
        keys=tuple(content["keys"]),
        counts=content["counts"],
    )


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _damaged(folder: Path, detail: str) -> BackupError:
    return BackupError(Problem.of("SPJ-BACKUP-DAMAGED", folder=folder, detail=detail))
