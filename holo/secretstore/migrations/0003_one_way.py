"""Guards in the database: a value is wiped and never replaced, and a secret does not go back to an old one."""

from django.db import migrations

from holo.common.guards import refuse_when


class Migration(migrations.Migration):
    """Puts the guards in place."""

    dependencies = [("secretstore", "0002_guards")]

    operations = [
        refuse_when(
            "secretstore_secretversion",
            "value_stays",
            before="UPDATE OF ciphertext",
            when="NEW.ciphertext IS NOT NULL AND NEW.ciphertext IS DISTINCT FROM OLD.ciphertext",
            message="the value of a version is wiped and never replaced",
        ),
        refuse_when(
            "secretstore_secret",
            "version_rises",
            before="UPDATE OF version",
            when="NEW.version < OLD.version",
            message="the version of a secret rises",
        ),
    ]
