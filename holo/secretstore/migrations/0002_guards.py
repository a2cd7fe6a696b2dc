"""Guards in the database: the place of a secret is of one organisation and one project."""

from django.db import migrations

_SAME = """
ALTER TABLE secretstore_secret ADD CONSTRAINT secretstore_secret_same_organization
    FOREIGN KEY (project_id, organization_id) REFERENCES identity_project (id, organization_id)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE secretstore_secret ADD CONSTRAINT secretstore_secret_same_project
    FOREIGN KEY (environment_id, project_id) REFERENCES identity_environment (id, project_id)
    DEFERRABLE INITIALLY DEFERRED;
"""
_NOT_SAME = """
ALTER TABLE secretstore_secret DROP CONSTRAINT IF EXISTS secretstore_secret_same_organization;
ALTER TABLE secretstore_secret DROP CONSTRAINT IF EXISTS secretstore_secret_same_project;
"""


class Migration(migrations.Migration):
    """Puts the guards in place."""

    dependencies = [("secretstore", "0001_initial"), ("identity", "0005_environment_project")]

    operations = [migrations.RunSQL(sql=_SAME, reverse_sql=_NOT_SAME)]
