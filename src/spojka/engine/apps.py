from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings


class EngineConfig(AppConfig):
    name = "spojka.engine"

    def ready(self) -> None:
        if settings.QUEUE == "procrastinate":
            from spojka.engine import tickets  # noqa: F401 - registers its periodic tasks
