"""What an adapter says of itself: the fields of its form, and the rows of its checklist.

One declaration makes the form, the redaction, the API schema and the help page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from spojka.core.problem import Problem

Text = Mapping[str, str]
"""The same sentence by language; ``en`` is always there."""


def say(text: Text, language: str) -> str:
    """Return the sentence in ``language``, or in English where it is not translated."""
    return text.get(language) or text["en"]


class FieldKind(StrEnum):
    """How a credential or setting is entered."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105 - a kind of field, not a secret
    URL = "url"
    EMAIL = "email"
    CHOICE = "choice"
    FLAG = "flag"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of a connection's form."""

    key: str
    label: Text
    kind: FieldKind = FieldKind.TEXT
    required: bool = True
    help: Text = field(default_factory=lambda: {"en": ""})
    where: Text = field(default_factory=lambda: {"en": ""})
    """Where in the other system this value is found."""
    example: str = ""
    pattern: str = ""
    choices: tuple[tuple[str, Text], ...] = ()
    default: str = ""
    options: str = ""
    """Where the choices come from *Load data*: ``series`` or ``series:invoice`` (of a kind),
    ``bank_accounts``, ``payment_methods``, ``warehouses``, or ``accounts`` of a login."""
    advanced: bool = False
    """Few need it: it is shown folded."""

    @property
    def is_secret(self) -> bool:
        return self.kind is FieldKind.SECRET


class CheckStatus(StrEnum):
    """Result of one row of a checklist."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the checklist that activation runs: what was looked at, and how it ended.

    ``link`` is the page of the other system where it is mended or looked at.
    """

    key: str
    label: Text
    status: CheckStatus
    detail: str = ""
    problem: Problem | None = None
    link: str = ""
    necessary: bool = True
    """A failed necessary row keeps the connection from being activated."""
