"""Guards in the database: no message is deleted before it was delivered, and none is delivered again."""

from django.db import migrations

from holo.common.guards import refuse_when, set_once


class Migration(migrations.Migration):
    """Puts the guards in place."""

    dependencies = [("outbox", "0001_initial")]

    operations = [
        refuse_when(
            "outbox_outboxmessage",
            "kept",
            before="DELETE",
            when="OLD.delivered_at IS NULL",
            message="a message is kept until it is delivered",
        ),
        set_once("outbox_outboxmessage", "delivered_at"),
    ]
