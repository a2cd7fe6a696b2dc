"""What commands about an organisation begin with: the lock, and what the actor is there."""

from collections.abc import Collection
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from holo.common.actor import Actor
from holo.common.db import require_transaction
from holo.identity.errors import RoleNotHeldError, RoleRequiredError
from holo.identity.locks import lock_organization
from holo.identity.models import Membership, User
from holo.identity.roles import MANAGERS, Role, roles_held


def lock_role(actor: Actor) -> Role | None:
    """Lock the actor's organisation and return the actor's role in it.

    The system and superusers count as owners, an organisation's own token as an admin; None for a
    person who is no member (any more).
    """
    lock_organization(actor.organization_id)
    return role_of(actor)


def role_of(actor: Actor) -> Role | None:
    """Return what an actor is in its organisation at this moment; see `lock_role`."""
    if actor.user_id is None and actor.api_key_id is not None:
        return Role.ADMIN
    if actor.user_id is None or User.objects.filter(pk=actor.user_id, is_superuser=True).exists():
        return Role.OWNER
    role = (
        Membership.objects.filter(user_id=actor.user_id, organization_id=actor.organization_id)
        .values_list("role", flat=True)
        .first()
    )
    return Role(role) if role is not None else None


def lock_manager(actor: Actor) -> Role:
    """Like `lock_role`, for commands that only managers may give. Raises RoleRequiredError."""
    return _manager(lock_role(actor))


def require_manager(actor: Actor) -> Role:
    """Like `lock_manager` without the lock, for what changes no member and no project."""
    require_transaction()
    return _manager(role_of(actor))


def _manager(role: Role | None) -> Role:
    if role is None or role not in MANAGERS:
        raise role_required()
    return role


def role_required() -> RoleRequiredError:
    """Return the refusal of who does not manage the organisation."""
    roles = [manager.value for manager in Role if manager in MANAGERS]
    return RoleRequiredError(_("only an owner or admin of the organisation may do this"), roles=roles)


def require_held(own: Role, *roles: Role) -> None:
    """Raise RoleNotHeldError unless somebody of the role `own` holds all of `roles`."""
    held = roles_held(own)
    missing = [role.value for role in roles if role not in held]
    if missing:
        message = _("you do not hold the role %(roles)s") % {"roles": ", ".join(missing)}
        raise RoleNotHeldError(message, held=_names(held))


def remember_language(user_id: UUID, language: str) -> None:
    """Note the language that a person uses; mail is written in it."""
    require_transaction()
    if language in dict(settings.LANGUAGES):
        User.objects.filter(pk=user_id).exclude(language=language).update(language=language)


def _names(roles: Collection[Role]) -> list[str]:
    return [role.value for role in Role if role in roles]
