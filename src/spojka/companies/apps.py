from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_save


class CompaniesConfig(AppConfig):
    name = "spojka.companies"

    def ready(self) -> None:
        from spojka.companies.sessions import end_sessions_of_disabled

        post_save.connect(
            end_sessions_of_disabled,
            sender=settings.AUTH_USER_MODEL,
            dispatch_uid="spojka.companies.sessions",
        )
