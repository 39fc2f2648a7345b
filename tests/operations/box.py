"""An accounting system of another package whose other side is a file: it survives every restore."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

from spojka.accounting.contract import Issued, Session
from spojka.core.document import Document
from tests.documents.toy import ToySystem


class Box(ToySystem):
    """Writes each document that it makes as one line; a key twice is a duplicate."""

    descriptor = replace(ToySystem.descriptor, key="box", name="Box")

    def create(self, s: Session, d: Document, key: str) -> Issued:
        number = f"BOX{len(made()) + 1:04}"
        with _file().open("a") as file:
            file.write(json.dumps({"key": key, "number": number, "order": d.order_number}) + "\n")
        return Issued(number, number, issued_on=d.issued_on, total=d.total)

    def look_up(self, s: Session, d: Document, key: str) -> Issued | None:
        found = [line for line in made() if line["key"] == key]
        if not found:
            return None
        return Issued(found[0]["number"], found[0]["number"], issued_on=d.issued_on, total=d.total)


def _file() -> Path:
    return Path(os.environ["BOX"])


def made() -> list[dict[str, str]]:
    """Return every document that was really made, in order."""
    if not _file().exists():
        return []
    return [json.loads(line) for line in _file().read_text().splitlines()]


SYSTEM = Box()
