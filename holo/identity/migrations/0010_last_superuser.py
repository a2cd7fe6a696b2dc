"""A guard in the database: there stays a superuser who can log in to the admin."""

from django.db import migrations

# Two who demote each other at the same time: the second waits for the first's lock, and looks only then. The
# lock is taken for each statement, before it locks a row: the first may still have to refer to that row.
# Whoever has a password is replaced by nobody who has none; '!' begins the hash of no password.
_LAST_SUPERUSER = """
CREATE FUNCTION identity_lock_superusers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('identity.superusers', 0));
    RETURN NULL;
END $$;
CREATE TRIGGER identity_user_lock_superusers_u
    BEFORE UPDATE OF is_superuser, is_staff, is_active, password ON identity_user
    FOR EACH STATEMENT EXECUTE FUNCTION identity_lock_superusers();
CREATE TRIGGER identity_user_lock_superusers_d BEFORE DELETE ON identity_user
    FOR EACH STATEMENT EXECUTE FUNCTION identity_lock_superusers();
CREATE FUNCTION identity_keep_a_superuser() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM identity_user
                   WHERE is_superuser AND is_staff AND is_active AND id <> OLD.id
                     AND (OLD.password LIKE '!%' OR password NOT LIKE '!%')) THEN
        RAISE EXCEPTION 'the installation keeps a superuser who can log in'
            USING ERRCODE = '23514', CONSTRAINT = 'identity_user_keeps_a_superuser';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER identity_user_keeps_a_superuser_u BEFORE UPDATE ON identity_user FOR EACH ROW
    WHEN (OLD.is_superuser AND OLD.is_staff AND OLD.is_active
          AND (NOT (NEW.is_superuser AND NEW.is_staff AND NEW.is_active)
               OR (OLD.password NOT LIKE '!%' AND NEW.password LIKE '!%')))
    EXECUTE FUNCTION identity_keep_a_superuser();
CREATE TRIGGER identity_user_keeps_a_superuser_d BEFORE DELETE ON identity_user FOR EACH ROW
    WHEN (OLD.is_superuser AND OLD.is_staff AND OLD.is_active)
    EXECUTE FUNCTION identity_keep_a_superuser();
ALTER TABLE identity_user ENABLE ALWAYS TRIGGER identity_user_lock_superusers_u;
ALTER TABLE identity_user ENABLE ALWAYS TRIGGER identity_user_lock_superusers_d;
ALTER TABLE identity_user ENABLE ALWAYS TRIGGER identity_user_keeps_a_superuser_u;
ALTER TABLE identity_user ENABLE ALWAYS TRIGGER identity_user_keeps_a_superuser_d;
"""
_NO_LAST_SUPERUSER = """
DROP TRIGGER IF EXISTS identity_user_lock_superusers_u ON identity_user;
DROP TRIGGER IF EXISTS identity_user_lock_superusers_d ON identity_user;
DROP FUNCTION IF EXISTS identity_lock_superusers();
DROP TRIGGER IF EXISTS identity_user_keeps_a_superuser_u ON identity_user;
DROP TRIGGER IF EXISTS identity_user_keeps_a_superuser_d ON identity_user;
DROP FUNCTION IF EXISTS identity_keep_a_superuser();
"""


class Migration(migrations.Migration):
    """Puts the guard in place."""

    dependencies = [("identity", "0009_languages_and_addresses")]

    operations = [migrations.RunSQL(sql=_LAST_SUPERUSER, reverse_sql=_NO_LAST_SUPERUSER)]
