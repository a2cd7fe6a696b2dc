"""Guards in the database: each version of a secret follows the last, and one that was deleted begins with one."""

from django.db import migrations

from holo.common.guards import refuse_when


class Migration(migrations.Migration):
    """Puts the guard in place."""

    dependencies = [("secretstore", "0003_one_way")]

    operations = [
        refuse_when(
            "secretstore_secret",
            "version_in_turn",
            before="UPDATE OF version, deleted_at",
            when="NEW.version > OLD.version + 1 OR (OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL"
            " AND NEW.version = OLD.version)",
            message="each version of a secret follows the last",
        ),
    ]
