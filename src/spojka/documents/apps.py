from __future__ import annotations

from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "spojka.documents"

    def ready(self) -> None:
        from spojka.connections import systems
        from spojka.documents import (  # noqa: F401 - register handlers
            advance,
            changes,
            housekeeping,
            rates_schedule,
        )
        from spojka.documents.register import CompanyRegister
        from spojka.documents.rendered import CompanyRenderer

        systems.provide(CompanyRegister, CompanyRenderer)
