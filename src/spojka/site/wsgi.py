"""WSGI entry point for granian, gunicorn and others."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spojka.site.settings")
application = get_wsgi_application()
