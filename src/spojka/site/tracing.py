"""A trace for every request; see :mod:`spojka.core.trace`."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from spojka.core import trace


class TraceMiddleware:
    """Gives each request a trace (the caller's ``traceparent``, or a new one) and names it.

    The answer carries it as ``X-Trace-Id``, so that whoever reports something can name it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        came = trace.from_header(request.headers.get("traceparent", ""))
        with trace.bound(came or trace.new()) as now:
            response = self._get_response(request)
        response["X-Trace-Id"] = now
        return response
