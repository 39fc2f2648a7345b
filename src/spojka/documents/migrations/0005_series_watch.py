"""An index that holds all that the series watch reads of the own issuer's numbers."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("documents", "0004_foreign_documents")]

    operations = [
        migrations.AddIndex(
            model_name="registerentry",
            index=models.Index(
                fields=["series", "period", "issued_on", "counter", "number"], name="register_days"
            ),
        ),
    ]
