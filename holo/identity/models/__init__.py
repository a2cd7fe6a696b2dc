"""People, organisations and their environments: defined here once for the whole product."""

from holo.identity.models.organizations import (
    SHORT_NAME,
    SHORT_NAME_LENGTH,
    Environment,
    Membership,
    Organization,
    Project,
)
from holo.identity.models.people import AddressChange, User, UserManager
from holo.identity.models.wishes import Invitation, UserChange

__all__ = [
    "SHORT_NAME",
    "SHORT_NAME_LENGTH",
    "AddressChange",
    "Environment",
    "Invitation",
    "Membership",
    "Organization",
    "Project",
    "User",
    "UserChange",
    "UserManager",
]
