"""Guards in the database: the environment of a key is of its organisation."""

from django.db import migrations


class Migration(migrations.Migration):
    """Puts the guard in place."""

    dependencies = [("apiauth", "0003_environment"), ("identity", "0006_environment_tenant")]

    operations = [
        migrations.RunSQL(
            sql="ALTER TABLE apiauth_apikey ADD CONSTRAINT apiauth_apikey_same_organization"
            " FOREIGN KEY (environment_id, organization_id)"
            " REFERENCES identity_environment (id, organization_id) DEFERRABLE INITIALLY DEFERRED",
            reverse_sql="ALTER TABLE apiauth_apikey DROP CONSTRAINT IF EXISTS apiauth_apikey_same_organization",
        )
    ]
