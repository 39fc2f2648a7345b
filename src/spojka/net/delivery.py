"""An incoming webhook, before anybody believes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


class WebhookError(ValueError):
    """The delivery is not to be believed (no or wrong signature)."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An incoming webhook: header names in lower case, body as the raw bytes that were signed."""

    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)
    """Parameters of its address: some systems send nothing else."""
