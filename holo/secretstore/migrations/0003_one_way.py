"""Guards in the database: a wiped value stays wiped, and a secret does not go back to an old one."""

from django.db import migrations

from holo.common.guards import refuse_when


class Migration(migrations.Migration):
    """Puts the guards in place."""

    dependencies = [("secretstore", "0002_guards")]

    operations = [
        refuse_when(
            "secretstore_secretversion",
            "stays_wiped",
            before="UPDATE OF ciphertext",
            when="OLD.ciphertext IS NULL AND NEW.ciphertext IS NOT NULL",
            message="a wiped value stays wiped",
        ),
        refuse_when(
            "secretstore_secret",
            "version_rises",
            before="UPDATE OF version",
            when="NEW.version < OLD.version",
            message="the version of a secret rises",
        ),
    ]
