"""Commands about who belongs to an organisation, and as what."""

from collections.abc import Callable
from uuid import UUID

from django.utils.translation import gettext as _

from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.idempotency.commands import RequestKey, command
from holo.identity.errors import LastOwnerError
from holo.identity.issuers import revoke_unfounded
from holo.identity.models import Membership
from holo.identity.operations import lock_manager, lock_role, require_held
from holo.identity.roles import Role
from holo.identity.selectors import get_member, is_last_owner


@command
def change_member_role(
    *,
    actor: Actor,
    user_id: UUID,
    role: Role,
    check: Callable[[Membership], None] | None = None,
    request_key: RequestKey | None = None,
) -> Membership:
    """Make a member of the actor's organisation something else there.

    Invitations that the member sent and could not send now end.
    `check` is called with the member under the lock and may raise, where the caller decided on what it saw
    before. Idempotent by nature. Locks the organisation. Raises RoleRequiredError, NotFoundError,
    RoleNotHeldError (the actor lacks the old or the new role), LastOwnerError, and as `check`.
    """
    own = lock_manager(actor)
    member = get_member(actor.organization_id, user_id)
    if check is not None:
        check(member)
    before = Role(member.role)
    if before == role:
        return member
    require_held(own, before, role)
    _keep_an_owner(member)
    member.role = role
    member.save(update_fields=["role"])
    revoke_unfounded(actor, user_id)
    record_audit(
        actor=actor,
        action="identity.role_changed",
        subject_type="identity.user",
        subject_id=user_id,
        data={"role": {"before": before.value, "after": role.value}},
    )
    return member


@command
def remove_member(
    *,
    actor: Actor,
    user_id: UUID,
    check: Callable[[Membership], None] | None = None,
    request_key: RequestKey | None = None,
) -> Membership:
    """End a membership and return what it was; the person's keys and invitations end with it.

    Everybody may leave. `check` as in `change_member_role`. Idempotent by `request_key`; else a second call
    finds no member. Locks the organisation. Raises NotFoundError, RoleRequiredError, RoleNotHeldError,
    LastOwnerError, and as `check`.
    """
    if actor.user_id == user_id:
        lock_role(actor)
        member = get_member(actor.organization_id, user_id)
    else:
        own = lock_manager(actor)
        member = get_member(actor.organization_id, user_id)
        require_held(own, Role(member.role))
    if check is not None:
        check(member)
    _keep_an_owner(member)
    # Not `member.delete()`: the row's values are the answer.
    Membership.objects.filter(pk=member.pk).delete()
    revoke_unfounded(actor, user_id)
    record_audit(
        actor=actor,
        action="identity.member_removed",
        subject_type="identity.user",
        subject_id=user_id,
        data={"role": member.role},
    )
    return member


def _keep_an_owner(leaving: Membership) -> None:
    """Refuse to take the role of the last owner; a trigger of the database refuses it as well."""
    if is_last_owner(leaving.pk):
        raise LastOwnerError(_("the organisation would be left without an owner"))
