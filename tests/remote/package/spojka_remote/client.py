"""The remote system's REST API, with every answer sorted into an honest outcome."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from spojka.accounting.contract import Session
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

_SHOWN = 300


def call(s: Session, method: str, path: str, body: Any = None) -> Mapping[str, Any]:
    """Send one request and return the object that answers it.

    Raises:
        OutcomeError: everything that is not success; a write without a readable answer is
            uncertain.
    """
    response = send(s, method, path, body)
    try:
        found = response.json()
    except NotJsonError:
        raise unclear(s, method, response) from None
    if not isinstance(found, dict) or not found:
        raise unclear(s, method, response)
    return found


def send(s: Session, method: str, path: str, body: Any = None) -> Response:
    """Send one request and return its answer of status 2xx."""
    if s.http is None:
        raise TypeError("the remote system needs a session with an HTTP client")
    headers = {"X-Api-Key": s.credentials["api_key"]}
    response = s.http.request(method, s.credentials["address"] + path, json=body, headers=headers)
    if response.status < 300:
        return response
    problem, technical = _problem(s, response)
    if response.status == 429:
        stated = response.headers.get("retry-after", "")
        until = s.now + timedelta(seconds=int(stated)) if stated.isdecimal() else None
        raise ThrottledError(problem, until, technical)
    if response.status in {401, 403}:
        raise RejectedError(problem, Rejection.CONFIG, technical)
    if response.status >= 500:
        raise unclear(s, method, response)
    raise RejectedError(problem, Rejection.DATA, technical)


def unclear(s: Session, method: str, response: Response) -> OutcomeError:
    """Return what an answer without meaning means: a write may have been done all the same."""
    problem, technical = _problem(s, response)
    if method == "GET":
        return UnavailableError(problem, technical)
    return UncertainError(problem, technical)


def _problem(s: Session, response: Response) -> tuple[Problem, str]:
    assert s.http is not None
    technical = s.http.redact(f"{response.status} {response.text[:_SHOWN]}")
    return Problem.of("SPJ-UNMAPPED", technical=technical), technical
