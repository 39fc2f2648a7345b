"""Since when something fails, and where the log says why; for the pages that tell people of it."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("engine", "0002_wake_account_due")]

    operations = [
        migrations.AddField("wake", "failing_since", models.DateTimeField(null=True)),
        migrations.AddField(
            "wake",
            "trace",
            models.CharField(blank=True, db_default="", default="", max_length=32),
        ),
        migrations.AddIndex(
            "wake",
            models.Index(
                fields=["account"],
                name="wake_failing",
                condition=models.Q(failing_since__isnull=False),
            ),
        ),
    ]
