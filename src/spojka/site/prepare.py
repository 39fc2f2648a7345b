"""Prepare an installation: database, static files, key file. Safe to repeat, quick when done."""

from __future__ import annotations

import os

import django
from django.core.management import call_command


def prepare() -> None:
    """Migrate the database and collect the static files of this version."""
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spojka.site.settings")
    django.setup()
    prepare()
