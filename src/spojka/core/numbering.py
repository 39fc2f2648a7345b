"""Formats of document numbers: ``FARRRRCCC`` makes FA2026001, FA2026002, …

Tokens are ``RRRR`` and ``RR`` (year), ``MM`` (month), ``DD`` (day) and one run of at least two
``C`` (the counter with leading zeros; it outgrows its width rather than overflow). Everything else
is taken literally, also a single R, M, D or C, so that ``ADVRRRRCCC`` and ``CRNRRRRCCC`` mean what
they seem to. A literal that would read as a token is put in square brackets: ``[CC]RRCCC``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from spojka.core.problem import Problem

MAX_LENGTH = 30
"""Characters of a number; what accounting systems commonly take."""


class Reset(StrEnum):
    """When the counter starts from one again."""

    YEARLY = "yearly"
    MONTHLY = "monthly"
    NEVER = "never"


class SeriesError(ValueError):
    """The format cannot number documents; carries the problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


class Parsed(NamedTuple):
    """What a number says of itself; ``None`` where its format does not have it."""

    counter: int
    year: int | None
    month: int | None


class _Kind(StrEnum):
    LITERAL = "literal"
    COUNTER = "C"
    YEAR = "RRRR"
    SHORT_YEAR = "RR"
    MONTH = "MM"
    DAY = "DD"


class _Part(NamedTuple):
    kind: _Kind
    text: str


_PIECE = re.compile(
    r"\[(?P<escaped>[^\[\]]*)\]|(?P<run>R{2,}|M{2,}|D{2,}|C{2,})|(?P<literal>.)", re.DOTALL
)
_LITERAL = re.compile(r"[A-Za-z0-9/_.-]*")
_DATE_TOKENS = {kind.value: kind for kind in (_Kind.YEAR, _Kind.SHORT_YEAR, _Kind.MONTH, _Kind.DAY)}
_YEARS = frozenset({_Kind.YEAR, _Kind.SHORT_YEAR})


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """A checked format with its reset; make it by :meth:`parse`."""

    text: str
    reset: Reset
    _parts: tuple[_Part, ...]

    @classmethod
    def parse(cls, text: str, reset: Reset = Reset.YEARLY) -> NumberFormat:
        """Read a format.

        Raises:
            SeriesError: ``SPJ-SERIES-FORMAT`` (format, reason), or ``SPJ-SERIES-REPEATS``
                (format, missing): the counter would start again and its numbers repeat.
        """
        parts = tuple(_split(text))
        kinds = [part.kind for part in parts if part.kind is not _Kind.LITERAL]
        counters = kinds.count(_Kind.COUNTER)
        if not text:
            raise _unusable(text, "series-empty")
        if counters != 1:
            raise _unusable(text, "series-two-counters" if counters else "series-no-counter")
        if len(set(kinds)) < len(kinds) or set(kinds) >= _YEARS:
            raise _unusable(text, "series-two-years")
        if sum(len(part.text) for part in parts) > MAX_LENGTH:
            raise _unusable(text, "series-too-long")
        missing = _missing(reset, set(kinds))
        if missing:
            raise SeriesError(Problem.of("SPJ-SERIES-REPEATS", format=text, missing=f"@{missing}"))
        return cls(text, reset, parts)

    def render(self, counter: int, on: date) -> str:
        """Return the number of the ``counter``-th document (from one) issued on a day.

        Raises:
            ValueError: the counter is less than one.
        """
        if counter < 1:
            raise ValueError(f"a counter starts from one, not {counter}")
        return "".join(_render(part, counter, on) for part in self._parts)

    def period(self, on: date) -> str:
        """Return the key of the counter that holds on a day: ``2026``, ``2026-03`` or empty."""
        match self.reset:
            case Reset.YEARLY:
                return f"{on.year:04}"
            case Reset.MONTHLY:
                return f"{on.year:04}-{on.month:02}"
            case Reset.NEVER:
                return ""

    def year_place(self) -> tuple[int, int] | None:
        """Return where a number states its year: first character, and how many.

        What stands behind the counter is counted from the end (-1 is the last character), because
        the counter may outgrow its width. ``None`` where the format has no year.
        """
        at = next((at for at, part in enumerate(self._parts) if part.kind in _YEARS), None)
        if at is None:
            return None
        before = self._parts[:at]
        width = len(self._parts[at].text)
        if any(part.kind is _Kind.COUNTER for part in before):
            return -sum(len(part.text) for part in self._parts[at:]), width
        return sum(len(part.text) for part in before), width

    def match(self, number: str) -> Parsed | None:
        """Read a number back; ``None`` where it is not of this format.

        A two-digit year is taken to be of this century.
        """
        found = re.fullmatch("".join(map(_pattern, self._parts)), number, re.ASCII)
        if found is None or int(found["counter"]) == 0:
            return None
        groups = found.groupdict()
        year, short, month = groups.get("year"), groups.get("short"), groups.get("month")
        return Parsed(
            counter=int(groups["counter"]),
            year=int(year) if year else 2000 + int(short) if short else None,
            month=int(month) if month else None,
        )


def _split(text: str) -> Iterator[_Part]:
    for piece in _PIECE.finditer(text):
        escaped, run, literal = piece.group("escaped", "run", "literal")
        if run is None:
            plain = literal if escaped is None else escaped
            if plain in {"[", "]"}:
                raise _unusable(text, "series-bracket")
            if not _LITERAL.fullmatch(plain):
                raise _unusable(text, "series-character")
            yield _Part(_Kind.LITERAL, plain)
        elif run[0] == "C":
            yield _Part(_Kind.COUNTER, run)
        elif run in _DATE_TOKENS:
            yield _Part(_DATE_TOKENS[run], run)
        else:
            raise _unusable(text, "series-run")


def _unusable(text: str, reason: str) -> SeriesError:
    return SeriesError(Problem.of("SPJ-SERIES-FORMAT", format=text, reason=f"@{reason}"))


def _missing(reset: Reset, kinds: set[_Kind]) -> str:
    """Name what the number lacks so that it does not repeat after a reset."""
    lacks_year = not kinds & _YEARS
    match reset:
        case Reset.YEARLY:
            return "the-year" if lacks_year else ""
        case Reset.MONTHLY:
            lacks_month = _Kind.MONTH not in kinds
            if lacks_year and lacks_month:
                return "the-year-and-month"
            return "the-year" if lacks_year else "the-month" if lacks_month else ""
        case Reset.NEVER:
            return ""


def _render(part: _Part, counter: int, on: date) -> str:
    match part.kind:
        case _Kind.LITERAL:
            return part.text
        case _Kind.COUNTER:
            return str(counter).zfill(len(part.text))
        case _Kind.YEAR:
            return f"{on.year:04}"
        case _Kind.SHORT_YEAR:
            return f"{on.year % 100:02}"
        case _Kind.MONTH:
            return f"{on.month:02}"
        case _Kind.DAY:
            return f"{on.day:02}"


def _pattern(part: _Part) -> str:
    match part.kind:
        case _Kind.LITERAL:
            return re.escape(part.text)
        case _Kind.COUNTER:
            width = len(part.text)
            return rf"(?P<counter>\d{{{width}}}|[1-9]\d{{{width},}})"
        case _Kind.YEAR:
            return r"(?P<year>\d{4})"
        case _Kind.SHORT_YEAR:
            return r"(?P<short>\d{2})"
        case _Kind.MONTH:
            return r"(?P<month>0[1-9]|1[0-2])"
        case _Kind.DAY:
            return r"(?:0[1-9]|[12]\d|3[01])"
