"""A named reason: why a document is held, or why nothing is issued.

The code is stable and is explained, in every language, by the error catalogue
(:mod:`spojka.core.catalogue`). The facts are what the catalogue's text needs to name the
case: they are plain strings, so that they survive storage and translation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One catalogue code with the facts of this case, for example both contradicting amounts."""

    code: str
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, code: str, /, **facts: object) -> Problem:
        """Return the problem of a code; a fact may be called ``code`` as well."""
        return cls(code, MappingProxyType({name: str(value) for name, value in facts.items()}))

    def __hash__(self) -> int:
        return hash((self.code, tuple(sorted(self.facts.items()))))


def problem_json(problem: Problem) -> dict[str, Any]:
    """Return a problem as it is stored."""
    return {"code": problem.code, "facts": dict(problem.facts)}


class Held(Exception):  # noqa: N818 - the product's word for this state
    """The document cannot be made without a person; carries the reasons, most important first."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(", ".join(problem.code for problem in problems))
        self.problems = problems
