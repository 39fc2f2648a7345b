"""Indexes that hold what lists and counts of documents ask for, without the long rows themselves.

Three former ones are what three of these begin with; whatever used them uses these.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("documents", "0005_series_watch")]

    operations = [
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                fields=[
                    "company",
                    "-id",
                    "state",
                    "kind",
                    "issued_on",
                    "paid_amount",
                    "total",
                    "number",
                    "variable_symbol",
                    "order",
                ],
                name="document_listed",
            ),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                fields=["company", "state", "test", "issued_at"], name="document_states"
            ),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(fields=["company", "issued_on", "state"], name="document_days"),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(fields=["order", "state"], name="document_of_order"),
        ),
        migrations.RemoveIndex(model_name="document", name="document_company"),
        migrations.RemoveIndex(model_name="document", name="document_state"),
        migrations.RemoveIndex(model_name="document", name="document_issued_on"),
    ]
