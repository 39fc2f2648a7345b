"""Activation: new values on trial, accounts to choose from, and the regular look."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("connections", "0004_systems_and_simulators"),
    ]

    operations = [
        migrations.AddField(
            model_name="connection",
            name="accounts",
            field=models.JSONField(blank=True, db_default=[], default=list),
        ),
        migrations.AddField(
            model_name="connection",
            name="candidate",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="health_problem",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="health_at",
            field=models.DateTimeField(null=True),
        ),
    ]
