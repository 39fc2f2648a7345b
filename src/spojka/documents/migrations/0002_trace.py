"""The trace of each row of the life line."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("documents", "0001_initial")]

    operations = [
        migrations.AddField(
            "event",
            "trace",
            models.CharField(blank=True, db_default="", default="", max_length=32),
        ),
    ]
