from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("engine", "0001_initial")]

    operations = [
        migrations.AddIndex(
            model_name="wake",
            index=models.Index(fields=["account", "due_at", "id"], name="wake_account_due"),
        ),
    ]
