"""Finds the kept refusals of one caller."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('idempotency', '0002_fingerprints'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='idempotencylog',
            index=models.Index(condition=models.Q(('status__gte', 400)), fields=['scope'], name='idempotency_log_refused', opclasses=['varchar_pattern_ops']),
        ),
    ]
