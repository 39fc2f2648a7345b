"""Every error of the API as ``application/problem+json`` (RFC 9457) with a catalogue code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation.trans_real import parse_accept_lang_header

from spojka.core.catalogue import LANGUAGES, explain
from spojka.core.problem import Problem

CONTENT_TYPE = "application/problem+json"


class ApiError(Exception):
    """Ends a call with a problem and an HTTP status."""

    def __init__(
        self, status: int, problem: Problem, errors: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__(f"{status} {problem.code}")
        self.status = status
        self.problem = problem
        self.errors = errors


def announced_bytes(request: HttpRequest) -> int:
    """Return how long the body says that it is; 0 where it says nothing that makes sense."""
    length = str(request.META.get("CONTENT_LENGTH") or "")
    return int(length) if length.isascii() and length.isdigit() else 0


def not_found(what: str, key: object) -> ApiError:
    """Return the error for something that is not there, or is another company's."""
    return ApiError(404, Problem.of("SPJ-API-NOT-FOUND", what=f"{what} {key}"))


def bad_input(detail: str, status: int = 422) -> ApiError:
    """Return the error for a call that cannot be carried out as it was sent."""
    return ApiError(status, Problem.of("SPJ-API-INPUT", detail=detail))


def language_of(request: HttpRequest) -> str:
    """Return cs, sk or en, as ``Accept-Language`` prefers; English where it says nothing."""
    for code, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "").lower()):
        if code[:2] in LANGUAGES:
            return code[:2]
    return "en"


def body(problem: Problem, language: str) -> dict[str, Any]:
    """Return a problem explained: the same members wherever the API speaks of one."""
    explained = explain(problem, language)
    return {
        "code": problem.code,
        "cause": explained.cause,
        "fix": explained.fix,
        "document_exists": explained.document_exists.value,
        "retriable": explained.retriable,
        "facts": dict(problem.facts),
    }


def response(
    request: HttpRequest,
    status: int,
    problem: Problem,
    errors: Sequence[Mapping[str, Any]] = (),
) -> HttpResponse:
    """Return a problem as an HTTP response in the caller's language."""
    language = language_of(request)
    explained = body(problem, language)
    content: dict[str, Any] = {
        "type": f"urn:spojka:problem:{problem.code}",
        "title": explained["cause"],
        "status": status,
        "detail": f"{explained['cause']} {explained['fix']}",
        "instance": request.path,
        **explained,
    }
    if errors:
        content["errors"] = list(errors)
    answer = HttpResponse(
        json.dumps(content, ensure_ascii=False, default=str),
        status=status,
        content_type=CONTENT_TYPE,
        headers={"Content-Language": language, "Vary": "Accept-Language"},
    )
    if status == 401:
        answer["WWW-Authenticate"] = 'Bearer realm="spojka"'
    return answer
