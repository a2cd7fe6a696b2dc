"""A fingerprint has a part for each secret of the key ring, so its length has no limit any more."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Widens the column; rows are not rewritten."""

    dependencies = [("idempotency", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="idempotencylog",
            name="fingerprint",
            field=models.TextField(blank=True, verbose_name="fingerprint"),
        ),
    ]
