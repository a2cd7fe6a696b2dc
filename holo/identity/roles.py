"""Which role may give which: pure data."""

from holo.identity.models import Membership

Role = Membership.Role

# Nobody gives or takes a role they lack. An owner holds every role, so each can be given by somebody.
_HOLDS = {
    Role.OWNER: frozenset(Role),
    Role.ADMIN: frozenset({Role.ADMIN, Role.MEMBER}),
    Role.MEMBER: frozenset({Role.MEMBER}),
    Role.AUDITOR: frozenset({Role.AUDITOR}),
}
MANAGERS = frozenset({Role.OWNER, Role.ADMIN})


def roles_held(role: Role) -> frozenset[Role]:
    """Return the roles that somebody of this role holds, and may give and take if they manage at all."""
    return _HOLDS[role]
