"""What other guards ask, whether a person decides for an organisation, and facts that are set once."""

from django.db import migrations

from holo.common.guards import set_once

# A superuser of the group is an auditor of every organisation.
_AUDITOR = """
CREATE FUNCTION identity_is_auditor(person uuid, organization uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM identity_user u
        JOIN identity_user_groups l ON l.user_id = u.id JOIN auth_group g ON g.id = l.group_id
        WHERE u.id = person AND u.is_active AND g.name = 'auditor' AND (u.is_superuser OR EXISTS (
            SELECT FROM identity_membership m WHERE m.user_id = u.id AND m.organization_id = organization))
    )
$$;
"""


class Migration(migrations.Migration):
    """Puts the function and the guards in place."""

    dependencies = [("identity", "0012_invitation_limits")]

    operations = [
        migrations.RunSQL(sql=_AUDITOR, reverse_sql="DROP FUNCTION IF EXISTS identity_is_auditor(uuid, uuid)"),
        set_once("identity_invitation", "ended_at"),
        set_once("identity_userchange", "cancel_requested_at", "ended_at"),
    ]
