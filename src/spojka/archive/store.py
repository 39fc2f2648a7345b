"""The archive as the rest of Spojka uses it: one name for everything that may be done with it."""

from __future__ import annotations

from spojka.archive.chain import Record, Verification, append, append_all, read, verify
from spojka.archive.export import export_zip, write_zip
from spojka.archive.retention import apply_retention

__all__ = [
    "Record",
    "Verification",
    "append",
    "append_all",
    "apply_retention",
    "export_zip",
    "read",
    "verify",
    "write_zip",
]
