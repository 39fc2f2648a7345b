"""The API, version 1: ``/api/v1``. See ``docs/api.md`` and ``/api/v1/openapi.json``."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponseNotAllowed
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, re_path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema

from spojka import __version__
from spojka.api import connections, documents, orders, overview, problems
from spojka.api.auth import TokenAuth
from spojka.api.idempotency import LONGEST_KEY
from spojka.api.problems import ApiError
from spojka.api.schemas import ErrorOut
from spojka.core.outcome import OutcomeError
from spojka.core.problem import Problem
from spojka.documents.actions import ActionRefused

log = structlog.get_logger("spojka.api")
View = Callable[..., HttpResponseBase]

MOST_BYTES = 20 * 1024 * 1024
"""Of one call, a file to import included."""


class Api(NinjaAPI):
    """Answers every call in problem+json, also those that reach no operation."""

    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        patterns, application, namespace = super().urls
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                pattern.callback = _explaining(pattern.callback)
        return [*patterns, re_path(r"", _nowhere)], application, namespace

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """Describe what every call has in common: its errors, and the key of a change."""
        schema = super().get_openapi_schema(**kwargs)
        error = ErrorOut.model_json_schema(ref_template="#/components/schemas/{model}")
        schema["components"]["schemas"]["ErrorOut"] = error
        for operations in schema["paths"].values():
            for method, operation in operations.items():
                operation["responses"].update(_ERRORS)
                if method == "post":
                    operation.setdefault("parameters", []).append(_KEY)
        return schema


_ERRORS: dict[int, Any] = {
    status: {
        "description": text,
        "content": {problems.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/ErrorOut"}}},
    }
    for status, text in {
        400: "The call cannot be read.",
        401: "The token is missing or not valid.",
        403: "The token's role may not do this.",
        404: "It is not there, or it is another company's.",
        409: "It makes no sense now; the reason says why.",
        413: "Too large.",
        422: "Something in the call is wrong; `errors` says what.",
        500: "An error of ours; the reference finds it in the log.",
    }.items()
}
_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "Repeated under the same key, the call is carried out once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
}


def _explaining(view: View) -> View:
    """Refuse what is too large before it is read, and explain a method that is refused."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if problems.announced_bytes(request) > MOST_BYTES:
            problem = Problem.of("SPJ-API-TOO-LARGE", limit=f"{MOST_BYTES >> 20} MB")
            return problems.response(request, 413, problem)
        answer = view(request, *args, **kwargs)
        if not isinstance(answer, HttpResponseNotAllowed):
            return answer
        allowed = ", ".join(sorted(answer.headers["Allow"].replace(",", " ").split()))
        problem = Problem.of("SPJ-API-METHOD", method=request.method, allowed=allowed)
        explained = problems.response(request, 405, problem)
        explained["Allow"] = allowed
        return explained

    return csrf_exempt(wrapper)


@csrf_exempt
def _nowhere(request: HttpRequest) -> HttpResponseBase:
    problem = Problem.of("SPJ-API-NOT-FOUND", what=request.path)
    return problems.response(request, 404, problem)


api = Api(
    title="Spojka",
    version=__version__,
    description=(
        "Couples an e-shop's orders to the accounting system of its company. Errors are "
        "`application/problem+json` with a `code`, a `cause` and a `fix` in the language of "
        "`Accept-Language` (cs, sk, en). Amounts are strings. Calls that change something take an "
        "`Idempotency-Key`."
    ),
    auth=TokenAuth(),
    urls_namespace="api-v1",
    docs_url=None,
)
api.add_router("", orders.router)
api.add_router("", documents.router)
api.add_router("", connections.router)
api.add_router("", overview.router)


@api.exception_handler(ApiError)
def _api_error(request: HttpRequest, error: ApiError) -> HttpResponseBase:
    return problems.response(request, error.status, error.problem, error.errors)


@api.exception_handler(ActionRefused)
def _refused(request: HttpRequest, error: ActionRefused) -> HttpResponseBase:
    return problems.response(request, 409, error.problem)


@api.exception_handler(OutcomeError)
def _outcome(request: HttpRequest, error: OutcomeError) -> HttpResponseBase:
    return problems.response(request, 409, error.problem)


@api.exception_handler(AuthenticationError)
def _not_authenticated(request: HttpRequest, error: AuthenticationError) -> HttpResponseBase:
    return problems.response(request, 401, Problem.of("SPJ-API-TOKEN"))


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponseBase:
    """Name every field that is wrong, with its place in the call."""
    errors = [
        {
            "where": str(item["loc"][0]) if item.get("loc") else "",
            "field": ".".join(str(part) for part in item.get("loc", ())[1:]),
            "message": str(item.get("msg", "")),
            "kind": str(item.get("type", "")),
        }
        for item in error.errors
    ]
    detail = "; ".join(f"{item['field']}: {item['message']}" for item in errors[:5])
    return problems.response(request, 422, Problem.of("SPJ-API-INPUT", detail=detail), errors)


@api.exception_handler(HttpError)
def _http(request: HttpRequest, error: HttpError) -> HttpResponseBase:
    """A body that is no JSON, and whatever else the framework refuses by itself."""
    problem = Problem.of("SPJ-API-INPUT", detail=error.message)
    return problems.response(request, error.status_code, problem)


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, error: Http404) -> HttpResponseBase:
    return problems.response(request, 404, Problem.of("SPJ-API-NOT-FOUND", what=request.path))


@api.exception_handler(MultiPartParserError)
@api.exception_handler(SuspiciousOperation)
def _malformed(request: HttpRequest, error: Exception) -> HttpResponseBase:
    return problems.response(request, 400, Problem.of("SPJ-API-INPUT", detail=str(error)))


@api.exception_handler(Exception)
def _internal(request: HttpRequest, error: Exception) -> HttpResponseBase:
    """The last resort: a mark that finds the traceback in the log, and nothing of it outside."""
    reference = secrets.token_hex(4)
    log.exception("call failed", reference=reference, path=request.path, exc_info=error)
    return problems.response(request, 500, Problem.of("SPJ-INTERNAL", reference=reference))
