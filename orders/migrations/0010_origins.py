"""Marks of where public tokens order from, to count what their unpaid orders hold."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('identity', '0013_facts'),
        ('orders', '0009_numbers'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='order',
            name='origin_address',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=24),
        ),
        migrations.AddField(
            model_name='order',
            name='origin_network',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=24),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('origin_network', ''), _negated=True), fields=['organization', 'origin_network'], name='orders_order_unpaid_of_network'),
        ),
    ]
