"""Movements say by id which person acted; addresses leave their rows."""

from django.db import migrations, models

from holo.common.guards import rewrite_append_only

# Whose address nobody has any more cannot be found here; the audit trail has the id.
_REWRITE = """
UPDATE inventory_stockmovement SET actor_label = coalesce(
    (SELECT 'user:' || id FROM identity_user WHERE lower(email) = lower(actor_label)), 'unknown'
) WHERE actor_label LIKE '%@%'
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0002_guards"), ("identity", "0007_user_changes")]

    operations = [
        rewrite_append_only("inventory_stockmovement", _REWRITE),
        migrations.AddConstraint(
            model_name="stockmovement",
            constraint=models.CheckConstraint(
                condition=models.Q(("actor_label__contains", "@"), _negated=True), name="inventory_movement_names_no_address"
            ),
        ),
    ]
