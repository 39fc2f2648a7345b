"""The trace of what arrived, and of the versions it made."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [
        migrations.AddField(
            model,
            "trace",
            models.CharField(blank=True, db_default="", default="", max_length=32),
        )
        for model in ("inboxevent", "orderversion")
    ]
