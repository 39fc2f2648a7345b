from __future__ import annotations

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    name = "spojka.connections"

    def ready(self) -> None:
        from spojka.connections import (  # noqa: F401 - register handlers and periodic tasks
            activation,
            calls,
            health,
            loading,
        )
