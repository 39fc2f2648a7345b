"""Which account a connection uses is known without opening its secrets."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("connections", "0006_shop_hidden"),
    ]

    operations = [
        migrations.AddField(
            model_name="connection",
            name="account_name",
            field=models.CharField(blank=True, db_default="", default="", max_length=120),
        ),
    ]
