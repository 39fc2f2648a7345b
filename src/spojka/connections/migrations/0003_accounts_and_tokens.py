"""What accounts allow and what was used of it, queues for it, and shared tokens."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("connections", "0002_trace_and_doubt"),
    ]

    operations = [
        migrations.CreateModel(
            name="AccessToken",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=120, unique=True)),
                ("digest", models.CharField(blank=True, max_length=64)),
                ("expires_at", models.DateTimeField(null=True)),
                ("claim", models.CharField(blank=True, max_length=32)),
                ("claim_until", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Account",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=120, unique=True)),
                ("limits", models.JSONField(default=list)),
                ("override", models.JSONField(null=True)),
                ("level", models.FloatField(default=1000000000.0)),
                ("filled_at", models.FloatField(default=0)),
                ("pace", models.FloatField(default=0)),
                ("paused_until", models.FloatField(default=0)),
                ("lane", models.CharField(blank=True, max_length=60)),
                ("claimed_by", models.CharField(blank=True, max_length=60)),
                ("claimed_at", models.FloatField(default=0)),
                ("calls", models.BigIntegerField(default=0)),
                ("hour_calls", models.BigIntegerField(default=0)),
                ("hour_until", models.FloatField(default=0)),
                ("day_calls", models.BigIntegerField(default=0)),
                ("day_until", models.FloatField(default=0)),
                ("month_calls", models.BigIntegerField(default=0)),
                ("month_until", models.FloatField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="Lane",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                ("next_at", models.FloatField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lanes",
                        to="connections.account",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("account", "name"), name="lane_once")
                ],
            },
        ),
    ]
