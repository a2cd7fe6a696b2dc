"""What a caller may be allowed to do, and which of it a person's groups give."""

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

from holo.identity.models import User

ORDERS_READ = "orders:read"
ORDERS_WRITE = "orders:write"
ORDERS_AUDIT = "orders:audit"
INVENTORY_READ = "inventory:read"
ORGANIZATION_READ = "organization:read"
ORGANIZATION_WRITE = "organization:write"
INTEGRATIONS_READ = "integrations:read"
INTEGRATIONS_VOTE = "integrations:vote"
SECRETS_READ = "secrets:read"
SECRETS_WRITE = "secrets:write"
USERS_READ = "users:read"
USERS_WRITE = "users:write"
TOKENS_READ = "tokens:read"
TOKENS_WRITE = "tokens:write"
TOKENS_PUBLIC = "tokens:public"
# In place of a scope, for what whoever is known may ask; no key carries it.
ANY_CALLER = "any"

SCOPES = {
    ORDERS_READ: _("see orders"),
    ORDERS_WRITE: _("place, pay, cancel and retry orders"),
    ORDERS_AUDIT: _("approve and reject orders"),
    INVENTORY_READ: _("see products and stock"),
    ORGANIZATION_READ: _("see members, projects and environments"),
    ORGANIZATION_WRITE: _("manage members, projects and environments, as the role allows"),
    INTEGRATIONS_READ: _("see integrations and their votes"),
    INTEGRATIONS_VOTE: _("vote for integrations"),
    SECRETS_READ: _("read variables of environments, as the role allows"),
    SECRETS_WRITE: _("change variables of environments, as the role allows"),
    USERS_READ: _("see changes of users"),
    USERS_WRITE: _("create, update and delete users, as the role allows"),
    TOKENS_READ: _("see tokens, without their secrets"),
    TOKENS_WRITE: _("make and revoke tokens, none that may do more than who makes it"),
    TOKENS_PUBLIC: _("sign short-lived public tokens"),
}
# Everybody's, whatever the groups: what changes an organisation asks for the role there itself, and a vote is
# the person's own.
_OF_EVERYBODY = frozenset(
    {
        *(ORGANIZATION_READ, ORGANIZATION_WRITE, INTEGRATIONS_READ, INTEGRATIONS_VOTE),
        *(SECRETS_READ, SECRETS_WRITE, TOKENS_READ, TOKENS_WRITE, TOKENS_PUBLIC),
        *(USERS_READ, USERS_WRITE),
    }
)
# What no person has to answer for. An order needs somebody who placed it, so that a second person decides; a
# vote is a person's; and a token that makes tokens would have no end.
OF_ORGANIZATION = frozenset(
    {
        *(ORDERS_READ, INVENTORY_READ, ORGANIZATION_READ, ORGANIZATION_WRITE),
        *(SECRETS_READ, SECRETS_WRITE, USERS_READ, USERS_WRITE),
    }
)
# What may stand in a token that lies open in browsers.
PUBLIC = frozenset({ORDERS_READ, ORDERS_WRITE, INVENTORY_READ, INTEGRATIONS_READ})
# Those that reach orders: a public token with one of them is for one buyer.
OF_BUYERS = frozenset({ORDERS_READ, ORDERS_WRITE})
_READS = frozenset({ORDERS_READ, INVENTORY_READ})
_OF_GROUP = {
    "viewer": _READS,
    "operator": _READS | {ORDERS_WRITE},
    "auditor": _READS | {ORDERS_AUDIT},
}


def scopes_of_user(user: User) -> frozenset[str]:
    """Return the scopes that a person has at this moment; none for one who is not active.

    A superuser has all but `orders:audit`: deciding takes membership of the group, for everybody.
    """
    return scopes_of_groups(user, user.groups.values_list("name", flat=True) if user.is_active else ())


def scopes_of_groups(user: User, groups: Iterable[str]) -> frozenset[str]:
    """Return the scopes of a person whose groups are known already; see `scopes_of_user`."""
    if not user.is_active:
        return frozenset()
    scopes = _OF_EVERYBODY.union(*(_OF_GROUP.get(name, frozenset()) for name in groups))
    if user.is_superuser:
        scopes |= frozenset(SCOPES) - {ORDERS_AUDIT}
    return scopes
