"""Guards in the database: a delivery ends once, goes to no other address, and is kept until it has ended."""

from django.db import migrations

from holo.common.guards import one_way, refuse_when


class Migration(migrations.Migration):
    """Puts the guards in place."""

    dependencies = [("deliveries", "0001_initial")]

    operations = [
        one_way(
            "deliveries_delivery",
            ("waiting", "delivered"),
            ("waiting", "refused"),
            ("waiting", "given_up"),
            ("waiting", "withdrawn"),
        ),
        refuse_when(
            "deliveries_delivery",
            "address_stays",
            before="UPDATE OF address",
            when="NEW.address NOT IN ('', OLD.address)",
            message="an address is emptied and never rewritten",
        ),
        refuse_when(
            "deliveries_delivery",
            "kept",
            before="DELETE",
            when="OLD.state = 'waiting'",
            message="a delivery is kept until it has ended",
        ),
    ]
