"""A live company for what simulations found; simulations themselves have a house of their own."""

from __future__ import annotations

from tests.documents.conftest import house, toy

__all__ = ["house", "toy"]
