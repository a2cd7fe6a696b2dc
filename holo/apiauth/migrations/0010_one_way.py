"""Guards in the database: a refused code stays refused, a spent token spent, and approvals end with sessions."""

from django.db import migrations

from holo.common.guards import one_way, refuse_when

# What somebody approved in a session that is over gives nobody a token any more, in the transaction that ends
# the session: with another password, the person's deactivation, or the end of the membership.
_END = """
CREATE FUNCTION apiauth_end_codes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE apiauth_authorizationcode SET state = 'refused'
        WHERE state = 'approved' AND user_id = (to_jsonb(OLD) ->> TG_ARGV[0])::uuid;
    RETURN NULL;
END $$;
CREATE TRIGGER apiauth_end_codes_u AFTER UPDATE ON identity_user FOR EACH ROW
    WHEN (OLD.password IS DISTINCT FROM NEW.password OR (OLD.is_active AND NOT NEW.is_active))
    EXECUTE FUNCTION apiauth_end_codes('id');
CREATE TRIGGER apiauth_end_codes_d AFTER DELETE ON identity_membership FOR EACH ROW
    EXECUTE FUNCTION apiauth_end_codes('user_id');
ALTER TABLE identity_user ENABLE ALWAYS TRIGGER apiauth_end_codes_u;
ALTER TABLE identity_membership ENABLE ALWAYS TRIGGER apiauth_end_codes_d;
"""
_END_NONE = """
DROP TRIGGER IF EXISTS apiauth_end_codes_u ON identity_user;
DROP TRIGGER IF EXISTS apiauth_end_codes_d ON identity_membership;
DROP FUNCTION IF EXISTS apiauth_end_codes();
"""


class Migration(migrations.Migration):
    """Puts the guards in place."""

    dependencies = [("apiauth", "0009_facts")]

    operations = [
        one_way(
            "apiauth_authorizationcode",
            ("open", "approved"),
            ("open", "refused"),
            ("approved", "used"),
            ("approved", "refused"),
        ),
        migrations.RunSQL(sql=_END, reverse_sql=_END_NONE),
        refuse_when(
            "apiauth_usedpublictoken",
            "kept",
            before="DELETE",
            when="OLD.expires_at > clock_timestamp()",
            message="a spent token is kept for as long as it could be shown",
        ),
    ]
