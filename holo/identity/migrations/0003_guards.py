"""Guards in the database: an environment is of its project's organisation, and owners do not run out."""

from django.db import migrations

_SAME_PROJECT = """
ALTER TABLE identity_environment ADD CONSTRAINT identity_environment_same_project
    FOREIGN KEY (project_id, organization_id) REFERENCES identity_project (id, organization_id)
    DEFERRABLE INITIALLY DEFERRED;
"""
# Two that leave at the same time: the second waits for the first's lock, and looks only then.
_LAST_OWNER = """
CREATE FUNCTION identity_keep_an_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM identity_organization WHERE id = OLD.organization_id FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT FROM identity_membership
                   WHERE organization_id = OLD.organization_id AND role = 'owner' AND id <> OLD.id) THEN
        RAISE EXCEPTION 'an organisation keeps an owner'
            USING ERRCODE = '23514', CONSTRAINT = 'identity_membership_keeps_an_owner';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER identity_membership_keeps_an_owner_u BEFORE UPDATE ON identity_membership FOR EACH ROW
    WHEN (OLD.role = 'owner' AND (NEW.role, NEW.organization_id) IS DISTINCT FROM ('owner', OLD.organization_id))
    EXECUTE FUNCTION identity_keep_an_owner();
CREATE TRIGGER identity_membership_keeps_an_owner_d BEFORE DELETE ON identity_membership FOR EACH ROW
    WHEN (OLD.role = 'owner') EXECUTE FUNCTION identity_keep_an_owner();
ALTER TABLE identity_membership ENABLE ALWAYS TRIGGER identity_membership_keeps_an_owner_u;
ALTER TABLE identity_membership ENABLE ALWAYS TRIGGER identity_membership_keeps_an_owner_d;
"""
_NO_LAST_OWNER = """
DROP TRIGGER IF EXISTS identity_membership_keeps_an_owner_u ON identity_membership;
DROP TRIGGER IF EXISTS identity_membership_keeps_an_owner_d ON identity_membership;
DROP FUNCTION IF EXISTS identity_keep_an_owner();
"""


class Migration(migrations.Migration):
    """Puts the guards in place."""

    dependencies = [("identity", "0002_environments")]

    operations = [
        migrations.RunSQL(
            sql=_SAME_PROJECT,
            reverse_sql="ALTER TABLE identity_environment"
            " DROP CONSTRAINT IF EXISTS identity_environment_same_project",
        ),
        migrations.RunSQL(sql=_LAST_OWNER, reverse_sql=_NO_LAST_OWNER),
    ]
