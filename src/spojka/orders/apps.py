from __future__ import annotations

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "spojka.orders"

    def ready(self) -> None:
        from spojka.orders import housekeeping, intake, polling  # noqa: F401 - register handlers
