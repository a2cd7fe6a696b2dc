"""The commands of this app."""

from holo.identity.services.invitations import (
    accept_invitation,
    invite_member,
    issue_invitation_link,
    revoke_invitation,
)
from holo.identity.services.members import change_member_role, remove_member
from holo.identity.services.people import choose_language
from holo.identity.services.projects import create_environment, create_project, rename_project
from holo.identity.services.user_changes import (
    cancel_user_change,
    close_user_change,
    complete_user_change,
    create_user,
    delete_user,
    discard_user,
    record_notification,
    request_user_change,
    send_notification,
    update_user,
    validate_user,
)

__all__ = [
    "accept_invitation",
    "cancel_user_change",
    "change_member_role",
    "choose_language",
    "close_user_change",
    "complete_user_change",
    "create_environment",
    "create_project",
    "create_user",
    "delete_user",
    "discard_user",
    "invite_member",
    "issue_invitation_link",
    "record_notification",
    "remove_member",
    "rename_project",
    "request_user_change",
    "revoke_invitation",
    "send_notification",
    "update_user",
    "validate_user",
]
