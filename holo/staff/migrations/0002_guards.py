"""Guards in the database: sessions end in the transaction that takes the right to them."""

from django.db import migrations

_END = """
CREATE FUNCTION staff_end_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM staff_staffsession WHERE user_id = (to_jsonb(OLD) ->> TG_ARGV[0])::uuid;
    RETURN NULL;
END $$;
CREATE TRIGGER staff_end_sessions_u AFTER UPDATE ON identity_user FOR EACH ROW
    WHEN (OLD.password IS DISTINCT FROM NEW.password OR (OLD.is_active AND NOT NEW.is_active)
          OR (OLD.is_staff AND NOT NEW.is_staff) OR (OLD.is_superuser AND NOT NEW.is_superuser))
    EXECUTE FUNCTION staff_end_sessions('id');
CREATE TRIGGER staff_end_sessions_d AFTER DELETE ON identity_user_groups FOR EACH ROW
    EXECUTE FUNCTION staff_end_sessions('user_id');
CREATE TRIGGER staff_end_sessions_u AFTER UPDATE ON identity_membership FOR EACH ROW
    WHEN ((OLD.role, OLD.organization_id, OLD.user_id)
          IS DISTINCT FROM (NEW.role, NEW.organization_id, NEW.user_id))
    EXECUTE FUNCTION staff_end_sessions('user_id');
CREATE TRIGGER staff_end_sessions_d AFTER DELETE ON identity_membership FOR EACH ROW
    EXECUTE FUNCTION staff_end_sessions('user_id');
ALTER TABLE identity_user ENABLE ALWAYS TRIGGER staff_end_sessions_u;
ALTER TABLE identity_user_groups ENABLE ALWAYS TRIGGER staff_end_sessions_d;
ALTER TABLE identity_membership ENABLE ALWAYS TRIGGER staff_end_sessions_u;
ALTER TABLE identity_membership ENABLE ALWAYS TRIGGER staff_end_sessions_d;
"""
_END_NONE = """
DROP TRIGGER IF EXISTS staff_end_sessions_u ON identity_user;
DROP TRIGGER IF EXISTS staff_end_sessions_d ON identity_user_groups;
DROP TRIGGER IF EXISTS staff_end_sessions_u ON identity_membership;
DROP TRIGGER IF EXISTS staff_end_sessions_d ON identity_membership;
DROP FUNCTION IF EXISTS staff_end_sessions();
"""


class Migration(migrations.Migration):
    """Puts the guards in place."""

    dependencies = [("staff", "0001_initial"), ("identity", "0007_user_changes")]

    operations = [migrations.RunSQL(sql=_END, reverse_sql=_END_NONE)]
