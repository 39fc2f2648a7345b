"""Their errors in our words: the table ``errors.toml`` of an accounting system.

The file holds rules and the catalogue entries that the rules name. Rules are tried in their order,
the first that fits decides::

    [[rules]]
    status = [401, 403]              # optional: HTTP statuses
    operation = ["token", "create"]  # optional: names that the client gives its requests
    path = "errors.number"           # optional: where in the JSON body; else the whole text
    match = "(?i)already taken"      # optional: regular expression, searched there
    code = "SPJ-…"
    outcome = "data"                 # config, data, permanent, throttled, unavailable, uncertain

    [SPJ-…]               # as in core/catalogue.toml, with ``link`` into their pages
    document = "no"
    retriable = false
    link = "https://app.kniha.example/{account}/series"
    cause.en = "…"

Named groups of ``match`` become facts. What no rule knows is ``SPJ-UNMAPPED`` with the system's own
words. Whatever the table says, an answer that leaves open whether a write was done (5xx, and a body
that cannot be read) is *uncertain* on writes, unless a rule says by name that nothing was done.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from html import unescape
from importlib import resources
from typing import Any

from spojka.core.catalogue import CatalogueError, Entry, read_entries
from spojka.core.outcome import (
    OutcomeError,
    RejectedError,
    Rejection,
    ThrottledError,
    UnavailableError,
    UncertainError,
)
from spojka.core.problem import Problem
from spojka.net.client import NotJsonError, Response

UNMAPPED = "SPJ-UNMAPPED"
_SHOWN = 300
"""Characters of their own words that are kept."""
_TAGS = re.compile(r"(?is)<(script|style|head)\b.*?</\1\s*>|<[^>]*>")


class Means(StrEnum):
    """What an error means for the effect; ``outcome`` in the table."""

    CONFIG = "config"
    DATA = "data"
    PERMANENT = "permanent"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    """Nothing was done; it may be sent again."""
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table; an empty condition holds always."""

    code: str
    means: Means
    status: frozenset[int] = frozenset()
    operation: frozenset[str] = frozenset()
    path: str = ""
    match: re.Pattern[str] | None = None

    def fits(self, status: int, operation: str, body: Any, text: str) -> Mapping[str, str] | None:
        """Return the facts that the pattern found; ``None``: the rule is about something else."""
        if self.status and status not in self.status:
            return None
        if self.operation and operation not in self.operation:
            return None
        if self.path:
            found = list(_at(body, self.path.split(".")))
            if not found:
                return None
            text = "\n".join(_words(found))
        if self.match is None:
            return {}
        hit = self.match.search(text)
        return None if hit is None else {k: v for k, v in hit.groupdict().items() if v}


class ErrorBook:
    """The errors of one system."""

    def __init__(self, rules: Sequence[Rule], entries: Sequence[Entry]) -> None:
        self.rules = tuple(rules)
        self.entries = tuple(entries)

    @classmethod
    def of(cls, package: str) -> ErrorBook:
        """Read ``errors.toml`` of a system's package; a system without one has no errors.

        Raises:
            CatalogueError: the file is not such a table.
        """
        file = resources.files(package).joinpath("errors.toml")
        return cls.read(file.read_text("utf-8")) if file.is_file() else cls((), ())

    @classmethod
    def read(cls, text: str) -> ErrorBook:
        """Read a table.

        Raises:
            CatalogueError: it is none.
        """
        entries = read_entries(text)
        rules = [_rule(row) for row in tomllib.loads(text).get("rules", [])]
        return cls(rules, entries)

    def problem(
        self,
        response: Response,
        operation: str,
        facts: Mapping[str, object] | None = None,
        *,
        body: Any = None,
    ) -> tuple[Problem, Means | None, str]:
        """Return what an answer says, what it means where a rule knows, and their own words.

        Args:
            response: The answer, redacted or not; its words must be redacted before they are kept.
            operation: The client's name of the request.
            facts: Further facts for the texts (the account, the order, …).
            body: The JSON body, where the client has read it already.
        """
        if body is None:
            try:
                body = response.json()
            except NotJsonError:
                body = None
        said = own_words(response, body)
        for rule in self.rules:
            found = rule.fits(response.status, operation, body, said)
            if found is not None:
                every = {"said": said, "status": response.status, **(facts or {}), **found}
                return Problem.of(rule.code, **every), rule.means, said
        technical = f"{response.status} {said}".strip()
        return Problem.of(UNMAPPED, technical=technical, **(facts or {})), None, said

    def outcome(
        self,
        response: Response,
        operation: str,
        *,
        write: bool,
        redact: Callable[[str], str] = str,
        facts: Mapping[str, object] | None = None,
        until: datetime | None = None,
        body: Any = None,
    ) -> OutcomeError:
        """Return the error that an answer which is no success is raised as.

        Args:
            response: The answer.
            operation: The client's name of the request.
            write: Whether it may have changed something there.
            redact: ``Session.client.redact``.
            facts: Further facts for the texts.
            until: When a limit ends, where the answer says so (aware).
            body: The JSON body, where the client has read it already.
        """
        problem, means, said = self.problem(response, operation, facts, body=body)
        problem = Problem.of(problem.code, **{k: redact(v) for k, v in problem.facts.items()})
        technical = redact(f"{response.status} {said}".strip())
        if means is None:
            means = _by_status(response.status, write=write)
        match means:
            case Means.THROTTLED:
                return ThrottledError(problem, until, technical)
            case Means.UNAVAILABLE:
                return UnavailableError(problem, technical)
            case Means.UNCERTAIN:
                # A read that told nothing did nothing either: it is simply read again.
                return (UncertainError if write else UnavailableError)(problem, technical)
            case _:
                return RejectedError(problem, Rejection(means.value), technical)


def own_words(response: Response, body: Any = None) -> str:
    """Return what the system says, as a person would read it: never JSON, never HTML."""
    if body is not None:
        words = list(dict.fromkeys(word for word in _words(body) if word))
        return "; ".join(words)[:_SHOWN]
    text = response.text.lstrip("\ufeff")
    if text.lstrip()[:1] in {"{", "["} or text.strip() == "null":
        return ""  # half of an answer, or nothing
    if "<" in text:
        text = unescape(_TAGS.sub(" ", text))
    return " ".join(text.split())[:_SHOWN]


def _words(value: Any, name: str = "") -> Iterator[str]:
    """Yield the texts inside a JSON value; a text below a name that tells something keeps it."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _words(below, str(key))
    elif isinstance(value, (list, tuple)):
        for below in value:
            yield from _words(below, name)
    elif isinstance(value, str):
        text = " ".join(value.split())
        plain = not name or name.isdigit() or name.lower() in _SPEAKING
        yield text if plain or not text else f"{name}: {text}"
    elif value is not None and not isinstance(value, bool) and name.lower() in _CODES:
        yield f"{name} {value}"


_SPEAKING = frozenset(
    {"error", "errors", "message", "messages", "error_message", "error_messages",
     "error_description", "detail", "title", "text", "base"}
)  # fmt: skip
_CODES = frozenset({"errorcode", "error_code", "code", "error", "statuscode"})


def _at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """Yield what stands at a dotted path; ``*`` is any name or any index."""
    if not path:
        if value is not None and value not in ("", [], {}):
            yield value
        return
    name, rest = path[0], path[1:]
    if isinstance(value, Mapping):
        below = value.values() if name == "*" else [value[name]] if name in value else []
    elif isinstance(value, list):
        below = value if name == "*" else [value[int(name)]] if _is_index(name, value) else []
    else:
        below = []
    for one in below:
        yield from _at(one, rest)


def _is_index(name: str, value: Sequence[Any]) -> bool:
    return name.isdecimal() and int(name) < len(value)


def _by_status(status: int, *, write: bool) -> Means:
    if status == 429:
        return Means.THROTTLED
    if status in {401, 402, 403}:
        return Means.CONFIG
    if status >= 500 or status < 400:
        return Means.UNCERTAIN if write else Means.UNAVAILABLE
    return Means.DATA


def _rule(row: Mapping[str, Any]) -> Rule:
    try:
        pattern = re.compile(row["match"]) if "match" in row else None
        return Rule(
            code=row["code"],
            means=Means(row["outcome"]),
            status=frozenset(row.get("status", ())),
            operation=frozenset(row.get("operation", ())),
            path=row.get("path", ""),
            match=pattern,
        )
    except (KeyError, ValueError, re.error) as error:
        raise CatalogueError(f"rule {dict(row)}: {error}") from error
