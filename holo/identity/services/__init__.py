"""The commands of this app."""

from holo.identity.services.members import change_member_role, remove_member
from holo.identity.services.projects import create_environment, create_project, rename_project

__all__ = [
    "change_member_role",
    "create_environment",
    "create_project",
    "remove_member",
    "rename_project",
]
