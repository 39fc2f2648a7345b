"""The error catalogue: what every code means and what to do about it, in cs, sk and en.

A :class:`~spojka.core.problem.Problem` carries a code and facts. This module turns it into
sentences. It never raises on the way to a person: an unknown code is explained as *unmapped*, a
missing fact is shown as an ellipsis.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from spojka.core.descriptor import Text, say
from spojka.core.problem import Problem

LANGUAGES = ("cs", "sk", "en")
UNMAPPED = "SPJ-UNMAPPED"
CODE = re.compile(r"SPJ(?:-[A-Z0-9]+)+")

_MISSING = "…"
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([a-z_]+)\}")


class DocumentExists(StrEnum):
    """Does the document that the problem is about exist?"""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"

    def sentence(self, language: str) -> str:
        """Say it to a person."""
        return say(_EXISTS[self], language)


_EXISTS: Mapping[DocumentExists, Text] = {
    DocumentExists.NO: {
        "en": "No document was issued.",
        "cs": "Doklad nebyl vystaven.",
        "sk": "Doklad nebol vystavený.",
    },
    DocumentExists.YES: {
        "en": "The document exists.",
        "cs": "Doklad je vystavený.",
        "sk": "Doklad je vystavený.",
    },
    DocumentExists.UNKNOWN: {
        "en": "It is not certain whether a document exists.",
        "cs": "Není jisté, zda doklad existuje.",
        "sk": "Nie je isté, či doklad existuje.",
    },
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One code of the catalogue. ``cause`` and ``fix`` hold ``{fact}`` placeholders."""

    code: str
    cause: Text
    fix: Text
    document: DocumentExists
    retriable: bool
    """Trying again may succeed although no person has changed anything."""
    action: str = ""
    """Key of our own page where it is mended."""
    link: str = ""
    """Page of the other system where it is mended; ``{fact}`` is filled in."""

    @property
    def facts(self) -> frozenset[str]:
        """Names of the facts that the texts use, in any language."""
        texts = (*self.cause.values(), *self.fix.values(), self.link)
        return frozenset(name for text in texts for name in _PLACEHOLDER.findall(text) if name)


@dataclass(frozen=True, slots=True)
class Explained:
    """A problem in one language, ready to be shown."""

    code: str
    cause: str
    fix: str
    document_exists: DocumentExists
    document: str
    """The same as a sentence."""
    retriable: bool
    action: str = ""
    link: str = ""
    """Address of the page in the other system; empty where a fact that it needs is missing."""


class CatalogueError(ValueError):
    """A catalogue file is not well formed: a language, a text or a field is missing or wrong."""


def read_entries(text: str) -> tuple[Entry, ...]:
    """Read entries from TOML in the form of ``catalogue.toml``; other tables are left alone.

    Raises:
        CatalogueError: the text is not such a file.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"not TOML: {error}") from error
    return tuple(_entry(code, table) for code, table in tables.items() if CODE.fullmatch(code))


def _entry(code: str, table: Mapping[str, Any]) -> Entry:
    try:
        document = DocumentExists(table["document"])
        retriable = table["retriable"]
    except (KeyError, ValueError) as error:
        raise CatalogueError(f"{code}: document or retriable: {error}") from error
    if not isinstance(retriable, bool):
        raise CatalogueError(f"{code}: retriable is not true or false")
    return Entry(
        code=code,
        cause=_text(code, "cause", table.get("cause")),
        fix=_text(code, "fix", table.get("fix")),
        document=document,
        retriable=retriable,
        action=str(table.get("action", "")),
        link=str(table.get("link", "")),
    )


def _text(code: str, part: str, texts: object) -> Text:
    if not isinstance(texts, dict):
        raise CatalogueError(f"{code}: {part} is missing")
    for language in LANGUAGES:
        text = texts.get(language)
        if not isinstance(text, str) or not text.strip():
            raise CatalogueError(f"{code}: {part}.{language} is missing")
        if "{" in _PLACEHOLDER.sub("", text) or "}" in _PLACEHOLDER.sub("", text):
            raise CatalogueError(f"{code}: {part}.{language} has a broken placeholder")
    return MappingProxyType({language: texts[language] for language in LANGUAGES})


@cache
def _file() -> str:
    return resources.files("spojka.core").joinpath("catalogue.toml").read_text("utf-8")


_providers: list[Callable[[], Iterable[Entry]]] = []


def provide(entries: Callable[[], Iterable[Entry]]) -> None:
    """Add the entries of a room above this one, read when they are first needed."""
    _providers.append(entries)
    _entries.cache_clear()


@cache
def _entries() -> Mapping[str, Entry]:
    """Return all entries by code.

    Raises:
        CatalogueError: a code is claimed twice.
    """
    found: dict[str, Entry] = {}
    provided = (entry for provider in _providers for entry in provider())
    for entry in (*read_entries(_file()), *provided):
        if entry.code in found:
            raise CatalogueError(f"{entry.code} is explained twice")
        found[entry.code] = entry
    return MappingProxyType(found)


@cache
def words() -> Mapping[str, Text]:
    """Words that a fact may stand for: the fact ``@key`` is shown as the word ``key``."""
    table: Mapping[str, Text] = tomllib.loads(_file())["words"]
    return MappingProxyType(dict(table))


def all_entries() -> tuple[Entry, ...]:
    """Return the whole catalogue in the order of its file, for the help pages and the API."""
    return tuple(_entries().values())


def entry(code: str) -> Entry:
    """Return the entry of ``code``; an unknown code gets the entry of ``SPJ-UNMAPPED``."""
    return _entries().get(code) or _entries()[UNMAPPED]


def explain(
    problem: Problem,
    language: str,
    *,
    document: DocumentExists | None = None,
    entries: Iterable[Entry] = (),
) -> Explained:
    """Explain a problem to a person; never raises.

    Args:
        problem: The code and its facts. A fact ``@key`` is translated (see :func:`words`).
        language: ``cs``, ``sk`` or ``en``; any other is answered in English.
        document: What the ledger knows about the document; by default what the entry says.
        entries: Further entries, such as those of an accounting system; they come first.
    """
    found = next((e for e in entries if e.code == problem.code), None) or entry(problem.code)
    exists = document or found.document
    return Explained(
        code=problem.code,
        cause=_fill(say(found.cause, language), problem.facts, language),
        fix=_fill(say(found.fix, language), problem.facts, language),
        document_exists=exists,
        document=exists.sentence(language),
        retriable=found.retriable,
        action=found.action,
        link=_link(found.link, problem.facts),
    )


def _link(template: str, facts: Mapping[str, str]) -> str:
    """Fill an address in; without one of its facts it would lead astray, and is left out."""
    names = _PLACEHOLDER.findall(template)
    if not all(facts.get(name) for name in names if name):
        return ""
    return _PLACEHOLDER.sub(lambda match: quote(facts.get(match.group(1), ""), safe=""), template)


def _word(part: str, language: str) -> str:
    """Translate ``@key``; what is no key of the words stays as it is."""
    known = words().get(part.removeprefix("@"))
    return say(known, language) if known and part.startswith("@") else part


_AMOUNTS = {
    *("amount", "declared", "found", "left", "net", "predicted", "rate", "rows"),
    *("summary", "tax", "total"),
}
"""Facts that are amounts or rates, where they are numbers: kept with a point, read with a comma."""
_POINT = re.compile(r"-?[0-9]+\.[0-9]+")


def _fill(text: str, facts: Mapping[str, str], language: str) -> str:
    """Insert facts as plain text: braces inside a fact are never read as a placeholder."""

    def insert(match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            return match.group()[0]
        value = facts.get(name, "")
        if value.startswith("@"):
            return ", ".join(_word(part, language) for part in value.split(", "))
        if name in _AMOUNTS and language in {"cs", "sk"} and _POINT.fullmatch(value):
            return value.replace(".", ",")
        return value or _MISSING

    return _PLACEHOLDER.sub(insert, text)
