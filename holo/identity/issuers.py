"""Who asked for what is done later, and whether they might still ask for it at that moment."""

from collections.abc import Callable
from uuid import UUID

from holo.audit.operations import record_audit
from holo.common.actor import Actor, OrganizationId, UserId
from holo.common.clock import database_now
from holo.identity.models import Invitation, User, UserChange
from holo.identity.operations import role_of, role_required
from holo.identity.roles import MANAGERS, Role, roles_held

# Tells whether a credential, or one that replaced it, still works.
CredentialCheck = Callable[[UUID], bool]
_checks: list[CredentialCheck] = []


def register_credential_check(works: CredentialCheck) -> None:
    """Let issuers ask whether an organisation's token still works; the app that owns tokens knows."""
    if works not in _checks:
        _checks.append(works)


def inviter_of(invitation: Invitation) -> Actor:
    """Return who invited; what they may do is another question."""
    return _issuer(
        invitation.organization_id, invitation.invited_by, invitation.invited_with, invitation.invited_as
    )


def requester_of(change: UserChange) -> Actor:
    """Return who asked for a change of a user; what they may do is another question."""
    return _issuer(change.organization_id, change.requested_by, change.requested_with, change.requested_as)


def invitation_stands(invitation: Invitation) -> bool:
    """Tell whether who invited might send the same invitation at this moment."""
    issuer = inviter_of(invitation)
    if not _has_not_ended(issuer):
        return False
    role = role_of(issuer)
    return role in MANAGERS and Role(invitation.role) in roles_held(role)


def revoke_unfounded(actor: Actor, user_id: UUID) -> None:
    """End the open invitations that somebody sent into the locked organisation and could not send now."""
    sent = Invitation.objects.filter(
        organization_id=actor.organization_id, invited_by_id=user_id, state=Invitation.State.OPEN
    )
    for invitation in sent:
        if not invitation_stands(invitation):
            end_invitation(invitation, Invitation.State.REVOKED)
            record_invitation(actor, "identity.invitation_revoked", invitation)


def end_invitation(invitation: Invitation, state: Invitation.State) -> None:
    """End an invitation of the locked organisation."""
    invitation.state, invitation.ended_at = state, database_now()
    invitation.save(update_fields=["state", "ended_at"])


def record_invitation(actor: Actor, action: str, invitation: Invitation) -> None:
    """Write to the audit trail what became of an invitation."""
    record_audit(
        actor=actor,
        action=action,
        subject_type="identity.invitation",
        subject_id=invitation.pk,
        data={"role": invitation.role},
    )


def require_not_ended(issuer: Actor) -> None:
    """Raise RoleRequiredError where the person was deactivated or the token has ended meanwhile."""
    if not _has_not_ended(issuer):
        raise role_required()


def token_of(actor: Actor) -> UUID | None:
    """Return the token that asks where no person does; a person answers whatever the key."""
    return actor.api_key_id if actor.user_id is None else None


def _issuer(organization_id: UUID, person: User | None, token: UUID | None, label: str) -> Actor:
    return Actor(
        user_id=UserId(person.pk) if person is not None else None,
        organization_id=OrganizationId(organization_id),
        label=person.email if person is not None else label or "system",
        api_key_id=token,
    )


def _has_not_ended(issuer: Actor) -> bool:
    if issuer.user_id is not None:
        return User.objects.filter(pk=issuer.user_id, is_active=True).exists()
    return issuer.api_key_id is None or all(works(issuer.api_key_id) for works in _checks)
