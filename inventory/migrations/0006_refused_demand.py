"""A counter of orders that were refused for want of stock, by product and day."""

import django.db.models.deletion
from django.db import migrations, models

from holo.common.guards import same_organization


class Migration(migrations.Migration):
    """Adds the table."""

    dependencies = [
        ('identity', '0015_login'),
        ('inventory', '0005_sees_all_rows'),
    ]

    operations = [
        migrations.CreateModel(
            name='RefusedDemand',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('day', models.DateField(verbose_name='day')),
                ('refusals', models.PositiveIntegerField(default=0, verbose_name='refused orders')),
                ('pieces', models.PositiveBigIntegerField(default=0, verbose_name='pieces wanted')),
                ('organization', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.organization')),
                ('product', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.product', verbose_name='product')),
            ],
            options={
                'verbose_name': 'refused demand',
                'verbose_name_plural': 'refused demand',
                'ordering': ['-day', 'product'],
                'indexes': [models.Index(fields=['organization', '-day'], name='inventory_refuseddemand_newest')],
                'constraints': [models.UniqueConstraint(fields=('product', 'day'), name='inventory_refuseddemand_once')],
            },
        ),
        same_organization("inventory_refuseddemand", "product_id", "inventory_product"),
    ]
