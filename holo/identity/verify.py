"""What holds of projects, environments, invitations and changes of users."""

from django.utils.translation import gettext_lazy as _

from holo.audit.verify import audited
from holo.common.verify import register

# Those that a project begins with are told by the project's own row.
_ADDED = """
SELECT e.id::text, 1::bigint FROM identity_environment e JOIN identity_project p ON p.id = e.project_id
WHERE e.slug <> e.kind OR e.kind = 'preview'
"""

register(
    audited(
        _("Each project made has its audit row."),
        action="identity.project_created",
        changes="SELECT id::text, 1::bigint FROM identity_project",
    ),
    audited(
        _("Each environment added to a project has its audit row."),
        action="identity.environment_created",
        changes=_ADDED,
    ),
    audited(
        _("Each invitation has its audit row."),
        action="identity.member_invited",
        changes="SELECT id::text, 1::bigint FROM identity_invitation",
    ),
    audited(
        _("Each accepted invitation has its audit row."),
        action="identity.invitation_accepted",
        changes="SELECT id::text, 1::bigint FROM identity_invitation WHERE state = 'accepted'",
    ),
    audited(
        _("Each change of a user has its audit row."),
        action="identity.user_change_requested",
        changes="SELECT id::text, 1::bigint FROM identity_userchange",
    ),
    *(
        audited(
            _("Each change of a user that succeeded has its audit row."),
            action=f"identity.user_{action}d",
            changes=f"SELECT id::text, 1::bigint FROM identity_userchange"  # noqa: S608 - constant SQL
            f" WHERE state = 'succeeded' AND action = '{action}'",
        )
        for action in ("update", "delete")
    ),
)
