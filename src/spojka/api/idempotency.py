"""``Idempotency-Key``: a call that is repeated under one key is carried out once.

The same key with the same call gets the first answer again, whatever it was (except 5xx: those may
be tried again). The same key with another call is refused with 422, and a call whose first attempt
is still running with 409. Answers are kept for two days.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.utils import timezone

from spojka.api import problems
from spojka.api.auth import TokenAuth
from spojka.api.models import KeyedAnswer
from spojka.companies.models import Company
from spojka.core.problem import Problem

LONGEST_KEY = 255
KEEP = timedelta(hours=48)
ABANDONED = timedelta(minutes=10)
"""A call in flight for longer was killed. The ledger knows what it did: it may run again."""

Run = Callable[..., HttpResponseBase]


def idempotent(run: Run) -> Run:
    """Wrap the running of an operation; without the header it runs as it is."""

    @wraps(run)
    def wrapper(request: HttpRequest, **path: Any) -> HttpResponseBase:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return run(request, **path)
        if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
            detail = f"Idempotency-Key: 1-{LONGEST_KEY} characters"
            return problems.response(request, 422, Problem.of("SPJ-API-INPUT", detail=detail))
        try:
            token = TokenAuth()(request)
        except problems.ApiError as error:
            return problems.response(request, error.status, error.problem)
        if token is None:
            return run(request, **path)  # which refuses it
        return _run_once(run, request, path, token.company, key)

    return wrapper


def _run_once(
    run: Run, request: HttpRequest, path: dict[str, Any], company: Company, key: str
) -> HttpResponseBase:
    try:
        digest = _digest(request)
    except (SuspiciousOperation, MultiPartParserError, UnreadablePostError):
        return run(request, **path)  # which cannot read it either, and says so
    row = _begin(company, key, digest)
    if row is None:
        return _repeated(request, company, key, digest)
    answer = run(request, **path)
    if answer.status_code >= 500 or not isinstance(answer, HttpResponse):
        row.delete()
        return answer
    row.status = answer.status_code
    row.content_type = answer.headers.get("Content-Type", "")
    row.body = answer.content
    row.save(update_fields=["status", "content_type", "body"])
    return answer


def _digest(request: HttpRequest) -> str:
    """Return what the key stands for. A form's boundary is random: its parts count."""
    sum_ = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if request.content_type == "multipart/form-data":
        for name, files in sorted(request.FILES.lists()):
            for file in files:
                sum_.update(f"{name} {file.name} {file.size}\n".encode())
                for chunk in file.chunks():
                    sum_.update(chunk)
                file.seek(0)
    else:
        sum_.update(request.body)
    return sum_.hexdigest()


def _begin(company: Company, key: str, digest: str) -> KeyedAnswer | None:
    """Note the call as in flight; ``None`` where the key is taken."""
    now = timezone.now()
    KeyedAnswer.objects.filter(started_at__lt=now - KEEP).delete()
    KeyedAnswer.objects.filter(
        company=company, key=key, status=None, started_at__lt=now - ABANDONED
    ).delete()
    try:
        with transaction.atomic():
            return KeyedAnswer.objects.create(company=company, key=key, digest=digest)
    except IntegrityError:
        return None


def _repeated(request: HttpRequest, company: Company, key: str, digest: str) -> HttpResponse:
    row = KeyedAnswer.objects.filter(company=company, key=key).first()
    if row is None or (row.status is None and row.digest == digest):
        return problems.response(request, 409, Problem.of("SPJ-API-IN-FLIGHT", key=key))
    if row.digest != digest:
        return problems.response(request, 422, Problem.of("SPJ-API-KEY-REUSED", key=key))
    return HttpResponse(
        bytes(row.body),
        status=row.status,
        content_type=row.content_type,
        headers={"Idempotency-Replayed": "true"},
    )
