"""The database's clock says when stock moved."""

from django.db import migrations

from holo.common.guards import stamped


class Migration(migrations.Migration):
    """Puts the guard in place."""

    dependencies = [("inventory", "0003_no_addresses")]

    operations = [stamped("inventory_stockmovement")]
