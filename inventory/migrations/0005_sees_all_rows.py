"""The guard of a reservation's lines looks at the reservation, whoever may see it."""

from django.db import migrations

from holo.common.guards import sees_all_rows


class Migration(migrations.Migration):
    """Changes the guard."""

    dependencies = [("inventory", "0004_stamped")]

    operations = [sees_all_rows("inventory_check_new_lines()")]
