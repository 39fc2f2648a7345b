"""Calls generated from the API's own description: none of them makes the server fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok

# Loaded now: compiled deep inside of a generated call, Python 3.11 may lose count of its recursion.
from schemathesis.specs.openapi.adapter import parameters as _parameters  # noqa: F401
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.conftest import Caller, send

pytestmark = pytest.mark.urls("tests.api.urls")

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)


@contextmanager
def one_connection() -> Iterator[None]:
    """Let calls share the test's transaction: each would else begin by closing its connection.

    Django's own client does this for each of its calls, and undoes it after each.
    """
    both = (request_started, request_finished)
    for signal in both:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in both:
            signal.connect(close_old_connections)


def test_no_generated_call_makes_the_server_fail_or_leave_its_description(caller: Caller) -> None:
    send(caller)
    send(caller, "2026-2", total="500.00")
    with one_connection():
        called = call_everything(caller)
    assert len(called) >= 18


def call_everything(caller: Caller) -> set[str]:
    """Call each operation with what its description allows; return their names."""
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
    token = {"Authorization": f"Bearer {caller.token}"}
    called: set[str] = set()

    def call_all_of(operation: Any) -> None:
        @given(case=operation.as_strategy())
        @settings(
            max_examples=15,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def call(case: Any) -> None:
            called.add(operation.label)
            case.call_and_validate(headers=token, checks=list(CHECKS))

        call()

    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        call_all_of(found.ok())
    return called
