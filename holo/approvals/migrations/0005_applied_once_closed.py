"""Guards in the database: a request is acted on once it has ended, not before."""

from django.db import migrations

from holo.common.guards import refuse_when


class Migration(migrations.Migration):
    """Puts the guard in place."""

    dependencies = [("approvals", "0004_sees_all_rows")]

    operations = [
        refuse_when(
            "approvals_approvalrequest",
            "applied_once_closed",
            before="UPDATE OF applied_at, state",
            when="NEW.state = 'open' AND NEW.applied_at IS NOT NULL",
            message="a request is acted on once it has ended",
        ),
    ]
