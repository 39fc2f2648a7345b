from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "spojka.web"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in

        from spojka.web import sessions

        user_logged_in.connect(sessions.begin, dispatch_uid="spojka.web.sessions")
