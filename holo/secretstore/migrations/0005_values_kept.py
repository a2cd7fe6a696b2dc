"""Guards in the database: the value of a version is not exchanged, and wiped only when its secret is deleted."""

from django.db import migrations

from holo.common.guards import refuse_when

# As the owner: whoever writes would not see a secret that row-level security hides, and be refused.
_WIPED = """
CREATE FUNCTION secretstore_check_wipe() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM secretstore_secret s WHERE s.id = NEW.secret_id AND s.deleted_at IS NOT NULL)
    THEN
        RAISE EXCEPTION 'a value is wiped when its secret is deleted'
            USING ERRCODE = '23514', CONSTRAINT = 'secretstore_secretversion_wiped_when_deleted';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER secretstore_secretversion_wiped_when_deleted
    BEFORE UPDATE OF ciphertext ON secretstore_secretversion
    FOR EACH ROW WHEN (OLD.ciphertext IS NOT NULL AND NEW.ciphertext IS NULL)
    EXECUTE FUNCTION secretstore_check_wipe();
ALTER TABLE secretstore_secretversion ENABLE ALWAYS TRIGGER secretstore_secretversion_wiped_when_deleted;
"""
_ANYTIME = """
DROP TRIGGER IF EXISTS secretstore_secretversion_wiped_when_deleted ON secretstore_secretversion;
DROP FUNCTION IF EXISTS secretstore_check_wipe();
"""


class Migration(migrations.Migration):
    """Puts the guards in place."""

    dependencies = [("secretstore", "0004_versions_in_turn")]

    operations = [
        refuse_when(
            "secretstore_secretversion",
            "not_exchanged",
            before="UPDATE OF ciphertext",
            when="NEW.ciphertext IS NOT NULL AND NEW.ciphertext IS DISTINCT FROM OLD.ciphertext",
            message="the value of a version is not exchanged",
        ),
        migrations.RunSQL(sql=_WIPED, reverse_sql=_ANYTIME),
    ]
