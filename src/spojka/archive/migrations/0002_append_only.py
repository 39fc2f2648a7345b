"""The database itself refuses to change or delete what was archived."""

from __future__ import annotations

from django.db import migrations

from spojka.archive import triggers


class Migration(migrations.Migration):
    dependencies = [("archive", "0001_initial"), ("companies", "0001_initial")]

    operations = [migrations.RunPython(triggers.install, triggers.remove)]
