"""An order and all its parts are of one organisation: composite foreign keys in place of single ones."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from holo.common.guards import same_organization

KEYS = [
    ("orders_orderline", "order_id", "orders_order"),
    ("orders_orderline", "product_id", "inventory_product"),
    ("orders_orderevent", "order_id", "orders_order"),
    ("orders_payment", "order_id", "orders_order"),
    ("orders_shipment", "order_id", "orders_order"),
    ("orders_shipment", "warehouse_id", "inventory_warehouse"),
    ("orders_shipmentline", "shipment_id", "orders_shipment"),
    ("orders_shipmentline", "product_id", "inventory_product"),
    ("orders_orderabort", "order_id", "orders_order"),
    ("orders_orderhandover", "order_id", "orders_order"),
    ("orders_parkedstep", "order_id", "orders_order"),
]


class Migration(migrations.Migration):

    dependencies = [
        ('identity', '0012_invitation_limits'),
        ('inventory', '0003_no_addresses'),
        ('orders', '0006_orders_of_a_buyer'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='order',
            constraint=models.UniqueConstraint(fields=('id', 'organization'), name='orders_order_tenant'),
        ),
        migrations.AddConstraint(
            model_name='shipment',
            constraint=models.UniqueConstraint(fields=('id', 'organization'), name='orders_shipment_tenant'),
        ),
        *(same_organization(*key) for key in KEYS),
        # What those keys say too.
        migrations.AlterField(
            model_name='orderabort',
            name='order',
            field=models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='abort', serialize=False, to='orders.order', verbose_name='order'),
        ),
        migrations.AlterField(
            model_name='orderabort',
            name='organization',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.organization'),
        ),
        migrations.AlterField(
            model_name='orderevent',
            name='order',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='orders.order', verbose_name='order'),
        ),
        migrations.AlterField(
            model_name='orderevent',
            name='organization',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.organization'),
        ),
        migrations.AlterField(
            model_name='orderhandover',
            name='order',
            field=models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='handover', serialize=False, to='orders.order', verbose_name='order'),
        ),
        migrations.AlterField(
            model_name='orderhandover',
            name='organization',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.organization'),
        ),
        migrations.AlterField(
            model_name='orderline',
            name='order',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='orders.order', verbose_name='order'),
        ),
        migrations.AlterField(
            model_name='orderline',
            name='organization',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.organization'),
        ),
        migrations.AlterField(
            model_name='orderline',
            name='product',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.product', verbose_name='product'),
        ),
        migrations.AlterField(
            model_name='parkedstep',
            name='order',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='parked_steps', to='orders.order', verbose_name='order'),
        ),
        migrations.AlterField(
            model_name='parkedstep',
            name='organization',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.organization'),
        ),
        migrations.AlterField(
            model_name='payment',
            name='order',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='orders.order', verbose_name='order'),
        ),
        migrations.AlterField(
            model_name='payment',
            name='organization',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.organization'),
        ),
        migrations.AlterField(
            model_name='shipment',
            name='order',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='shipments', to='orders.order', verbose_name='order'),
        ),
        migrations.AlterField(
            model_name='shipment',
            name='organization',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.organization'),
        ),
        migrations.AlterField(
            model_name='shipment',
            name='warehouse',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.warehouse', verbose_name='warehouse'),
        ),
        migrations.AlterField(
            model_name='shipmentline',
            name='organization',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.organization'),
        ),
        migrations.AlterField(
            model_name='shipmentline',
            name='product',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.product', verbose_name='product'),
        ),
        migrations.AlterField(
            model_name='shipmentline',
            name='shipment',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='orders.shipment', verbose_name='shipment'),
        ),
    ]
