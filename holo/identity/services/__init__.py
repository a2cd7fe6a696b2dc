"""The commands of this app."""

from holo.identity.services.invitations import (
    accept_invitation,
    invite_member,
    issue_invitation_link,
    revoke_invitation,
)
from holo.identity.services.members import change_member_role, remove_member
from holo.identity.services.projects import create_environment, create_project, rename_project

__all__ = [
    "accept_invitation",
    "change_member_role",
    "create_environment",
    "create_project",
    "invite_member",
    "issue_invitation_link",
    "remove_member",
    "rename_project",
    "revoke_invitation",
]
