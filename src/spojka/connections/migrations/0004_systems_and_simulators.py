"""Several connections of a company, what they know, and simulators behind them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("connections", "0003_accounts_and_tokens"),
    ]

    operations = [
        migrations.CreateModel(
            name="SimulatorState",
            fields=[
                (
                    "connection",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="simulator_state",
                        serialize=False,
                        to="connections.connection",
                    ),
                ),
                ("content", models.JSONField()),
            ],
        ),
        migrations.AddField(
            model_name="connection",
            name="changes_cursor",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="changes_problem",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="checking_since",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="conditions",
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="connection",
            name="deactivated_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="load_problem",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="path_token",
            field=models.CharField(max_length=40, null=True, unique=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="position",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="connection",
            name="simulated",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="connection",
            name="webhook_seen_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="Contact",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                ("external_id", models.CharField(max_length=60)),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="contacts",
                        to="connections.connection",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["connection", "external_id"], name="contact_external")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("connection", "name"), name="contact_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="ReservedNumber",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("series", models.CharField(max_length=60)),
                ("number", models.PositiveBigIntegerField()),
                ("key", models.CharField(max_length=100, null=True)),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reserved_numbers",
                        to="connections.connection",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("connection", "series", "number"), name="reserved_number_once"
                    ),
                    models.UniqueConstraint(fields=("connection", "key"), name="reserved_key_once"),
                ],
            },
        ),
    ]
