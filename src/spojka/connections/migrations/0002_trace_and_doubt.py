"""The trace of recorded requests, and until when a restored installation has doubts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connections", "0001_initial")]

    operations = [
        migrations.AddField(
            "call",
            "trace",
            models.CharField(blank=True, db_default="", default="", max_length=32),
        ),
        migrations.AddField(
            "connection",
            "doubt_until",
            models.DateTimeField(null=True),
        ),
    ]
