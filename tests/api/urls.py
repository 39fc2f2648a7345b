"""The faces under test without the pages."""

from __future__ import annotations

from django.urls import path

from spojka.api import hooks
from spojka.api.v1 import api

urlpatterns = [
    path("api/v1/", api.urls),
    path("hooks/<str:path_token>/", hooks.receive),
]
