"""Indexes for what every page asks: what needs a person, what was issued when."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("documents", "0002_trace")]

    operations = [
        migrations.AddIndex(
            model_name="document",
            index=models.Index(fields=["company", "number", "order"], name="document_number"),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(fields=["company", "-issued_at", "-id"], name="document_issued_at"),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                condition=models.Q(("state", "issued"), models.Q(("problems", []), _negated=True)),
                fields=["company", "state"],
                name="document_differs",
            ),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                condition=models.Q(("changed_problem__isnull", False)),
                fields=["company"],
                name="document_changed",
            ),
        ),
        migrations.AddIndex(
            model_name="effect",
            index=models.Index(
                condition=models.Q(("state", "rejected")),
                fields=["document"],
                name="effect_rejected",
            ),
        ),
    ]
