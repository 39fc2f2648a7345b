from __future__ import annotations

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    name = "spojka.connections"

    def ready(self) -> None:
        from spojka.connections import calls  # noqa: F401 - registers a periodic task
