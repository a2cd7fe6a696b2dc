"""The database's clock says when something was written into the trail."""

from django.db import migrations

from holo.common.guards import stamped


class Migration(migrations.Migration):
    """Puts the guard in place."""

    dependencies = [("audit", "0003_no_addresses")]

    operations = [stamped("audit_auditevent")]
