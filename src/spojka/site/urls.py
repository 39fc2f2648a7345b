"""Addresses of the installation: pages, API, webhooks."""

from __future__ import annotations

from django.urls import include, path

from spojka.api import system_hooks, watching
from spojka.api.hooks import receive
from spojka.api.v1 import api

handler400 = "spojka.web.views.safety.bad_request"
handler403 = "spojka.web.views.door.forbidden"
handler404 = "spojka.web.views.door.not_found"
handler500 = "spojka.web.views.door.failed"

urlpatterns = [
    path("healthz", watching.alive, name="healthz"),
    path("readyz", watching.ready, name="readyz"),
    path("metrics", watching.show_metrics, name="metrics"),
    path("api/v1/", api.urls),
    path("hooks/systems/<str:path_token>/", system_hooks.receive, name="system_hook"),
    path("hooks/<str:path_token>/", receive, name="hook"),
    path("", include("spojka.web.urls")),
]
