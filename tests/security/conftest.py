"""The pages of the tests are rendered without collecting static files first."""

from __future__ import annotations

from tests.web.conftest import plain_static_files

__all__ = ["plain_static_files"]
