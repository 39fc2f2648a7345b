"""What the tests of this folder share with those of documents."""

from __future__ import annotations

from tests.documents.conftest import house, toy

__all__ = ["house", "toy"]
