"""Timelines and aborts say by id which person acted; addresses leave their rows."""

from django.db import migrations, models

from holo.common.guards import rewrite_append_only

# Whose address nobody has any more cannot be found here; the audit trail has the id.
_REWRITE = """
UPDATE {table} SET actor_label = coalesce(
    (SELECT 'user:' || id FROM identity_user WHERE lower(email) = lower(actor_label)), 'unknown'
) WHERE actor_label LIKE '%@%'
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_buyer"), ("identity", "0007_user_changes")]

    operations = [
        rewrite_append_only("orders_orderevent", _REWRITE.format(table="orders_orderevent")),
        rewrite_append_only("orders_orderabort", _REWRITE.format(table="orders_orderabort")),
        migrations.AddConstraint(
            model_name="orderevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("actor_label__contains", "@"), _negated=True), name="orders_event_names_no_address"
            ),
        ),
        migrations.AddConstraint(
            model_name="orderabort",
            constraint=models.CheckConstraint(
                condition=models.Q(("actor_label__contains", "@"), _negated=True), name="orders_abort_names_no_address"
            ),
        ),
    ]
