"""Indexes that hold what lists and counts of orders ask for; one of them begins as a former one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_trace")]

    operations = [
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                fields=[
                    "company",
                    "-ordered_at",
                    "-id",
                    "shop",
                    "status",
                    "number",
                    "customer",
                    "email",
                ],
                name="order_listed",
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["company", "status"], name="order_status"),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                fields=["company", "-ordered_at", "-id", "deleted_at", "ignored_reason"],
                name="order_living",
            ),
        ),
        migrations.RemoveIndex(model_name="order", name="order_company_date"),
    ]
