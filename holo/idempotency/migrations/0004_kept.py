"""Guards in the database: what happened once is kept as happened, for as long as it could happen again."""

from django.db import migrations

from holo.common.guards import refuse_when, set_once


class Migration(migrations.Migration):
    """Puts the guards in place."""

    dependencies = [("idempotency", "0003_refusals")]

    operations = [
        refuse_when(
            "idempotency_idempotencylog",
            "kept",
            before="DELETE",
            when="OLD.expires_at IS NULL OR OLD.expires_at > clock_timestamp()",
            message="a key is kept for as long as its effect could be repeated",
        ),
        set_once("idempotency_idempotencylog", "result", "status"),
    ]
