"""Which outcome a fault has to be given, and what must not be said of it.

By ``docs/architecture.md``, *Effects*: what was never sent is *unavailable*, what was sent and not
answered is *uncertain*, and a read that told nothing did nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spojka.accounting.simulator import OUTSIDE, Fault
from spojka.core import catalogue
from spojka.core.outcome import (
    OutcomeError,
    RejectedError,
    Rejection,
    ThrottledError,
    UnavailableError,
    UncertainError,
)
from spojka.core.problem import Problem
from spojka.net.redaction import forms

Classes = tuple[type[OutcomeError], ...]

_LOST: Classes = (UncertainError,)
_OF_A_WRITE: Mapping[Fault, Classes] = {
    Fault.RESET_BEFORE: _LOST,
    Fault.RESET_AFTER: _LOST,
    Fault.SILENCE_COMMITTED: _LOST,
    Fault.SILENCE_NOT_COMMITTED: _LOST,
    Fault.TRUNCATED: _LOST,
    # Where the vendor's own words say that nothing was done, it is known.
    Fault.ERROR_BEFORE: (UncertainError, UnavailableError, ThrottledError),
    Fault.ERROR_AFTER: _LOST,
    Fault.LIMIT: (ThrottledError,),
    Fault.UNAUTHORIZED: (RejectedError,),
    Fault.ERROR_IN_SUCCESS: (RejectedError, UncertainError, UnavailableError, ThrottledError),
    Fault.EMPTY_SUCCESS: _LOST,
    Fault.STALE: _LOST,
    Fault.MAINTENANCE: (UncertainError, UnavailableError, ThrottledError),
}
_OF_A_READ: Mapping[Fault, Classes] = {
    fault: (UnavailableError,) for fault in Fault if fault not in OUTSIDE
} | {
    Fault.ERROR_BEFORE: (UnavailableError, ThrottledError),
    Fault.ERROR_AFTER: (UnavailableError, ThrottledError),
    Fault.LIMIT: (ThrottledError,),
    Fault.UNAUTHORIZED: (RejectedError,),
    Fault.ERROR_IN_SUCCESS: (RejectedError, UnavailableError, ThrottledError),
    Fault.EMPTY_SUCCESS: (UnavailableError, ThrottledError),
    Fault.MAINTENANCE: (UnavailableError, ThrottledError),
}
_MAY_BE_HEALED = frozenset({Fault.UNAUTHORIZED, Fault.ERROR_IN_SUCCESS, Fault.EMPTY_SUCCESS})
"""Faults that an adapter may get over by itself: a new token, an answer that tells enough."""


def wrong_class(fault: Fault, error: OutcomeError, *, writes: bool, wrote: bool) -> str:
    """Say what is wrong with the class of an operation's first error, or nothing.

    Args:
        fault: What happened.
        error: What was raised.
        writes: It happened to a request that changes something.
        wrote: Such a request went well before, in the same operation.
    """
    if fault in OUTSIDE:
        allowed: Classes = (UnavailableError,)
    else:
        allowed = (_OF_A_WRITE if writes else _OF_A_READ)[fault]
        if wrote:
            allowed = (*allowed, UncertainError)
    if not isinstance(error, allowed):
        names = " or ".join(one.__name__ for one in allowed)
        return f"{type(error).__name__} where {names} is right: {error}"
    if fault is Fault.UNAUTHORIZED and isinstance(error, RejectedError):
        mended = error.rejection is Rejection.CONFIG
        return "" if mended else f"a lost login is the connection's, not {error.rejection}: {error}"
    return ""


def must_be_told(fault: Fault, *, writes: bool) -> bool:
    """Tell whether an operation cannot have ended well at once, when a write met the fault."""
    return fault in OUTSIDE or (writes and fault not in _MAY_BE_HEALED)


def unexplained(problem: Problem) -> str:
    """Say how a problem fails to explain itself in any language, or nothing."""
    code = problem.code
    if code == catalogue.UNMAPPED:
        return f"no code of its own: {dict(problem.facts)}"
    if catalogue.entry(code).code != code:
        return f"{code} is not in the catalogue"
    for language in catalogue.LANGUAGES:
        said = catalogue.explain(problem, language)
        shown = f"{said.cause} {said.fix}"
        if "{" in shown or "<" in shown:
            return f"{code} shows raw words: {shown}"
    return ""


def leaked(secrets: Iterable[str], text: str) -> list[str]:
    """Return the secrets that stand in a text, in whatever form."""
    return [secret for secret in secrets if any(form in text for form in forms(secret))]
