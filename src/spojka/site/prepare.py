"""Prepare an installation: database, key file, static files. Safe to repeat, quick when done."""

from __future__ import annotations

import os

import django
from django.core.management import call_command


def prepare() -> None:
    """Bring the database and the static files to this version; make the key file where missing."""
    from spojka.connections import vault  # needs Django to be set up

    call_command("migrate", interactive=False, verbosity=0)
    vault.ensure_key_file()
    call_command("collectstatic", interactive=False, verbosity=0)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spojka.site.settings")
    django.setup()
    prepare()
