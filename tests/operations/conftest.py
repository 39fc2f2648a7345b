"""The fixtures of documents serve here as well: a live company, a shop, a toy system."""

from __future__ import annotations

from tests.documents.conftest import house, toy

__all__ = ["house", "toy"]
