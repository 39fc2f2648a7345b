from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from spojka.companies.models import ApiToken, Company, Role
from tests.safety.routes import furnish
from tests.web.conftest import (
    empty,
    full,
    log_in,
    make_company,
    plain_static_files,
)

__all__ = ["empty", "full", "make_company", "plain_static_files"]


@pytest.fixture
def furnished(full: Company) -> Company:
    """The sample company with one of everything that an address can name."""
    furnish(full)
    return full


@pytest.fixture
def owner(full: Company) -> Client:
    """An owner of the sample company."""
    return log_in(full)


@pytest.fixture
def bearer() -> Callable[..., dict[str, Any]]:
    """Make the header of a new token."""

    def header(company: Company, role: str = Role.ACCOUNTANT) -> dict[str, Any]:
        return {"Authorization": f"Bearer {ApiToken.make(company, 'test', role)[1]}"}

    return header
