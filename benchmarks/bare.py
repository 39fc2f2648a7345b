"""The least that can take a webhook: a view that only inserts, under the same server and settings.

It verifies nothing, wakes nobody and looks nothing up. ``python -m benchmarks webhook`` compares.
"""

from __future__ import annotations

from contextlib import nullcontext

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

django.setup()
settings.ROOT_URLCONF = "benchmarks.bare"

from spojka.orders.models import InboxEvent  # noqa: E402


@csrf_exempt
def insert(request: HttpRequest, shop: int) -> HttpResponse:
    """Insert what came; on SQLite in a transaction, because that is what writers take turns at."""
    with transaction.atomic() if connection.vendor == "sqlite" else nullcontext():
        InboxEvent.objects.create(shop_id=shop, via="webhook", body=request.body, digest="")
    return HttpResponse(b"{}", content_type="application/json")


urlpatterns = [path("insert/<int:shop>/", insert)]
application = get_wsgi_application()
