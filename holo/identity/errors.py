"""Refusals that concern organisations, their members and environments."""

from holo.common.errors import DomainError


class IdentityError(DomainError):
    """Base of the errors of this app."""


class RoleRequiredError(IdentityError):
    """Only who manages an organisation changes it."""

    code = "identity.role_required"
    status = 403
    meaning = "Only an owner or admin of the organisation may do this; `details.roles` names both."


class RoleNotHeldError(IdentityError):
    """Nobody gives what they lack."""

    code = "identity.role_not_held"
    status = 403
    meaning = "Nobody gives, changes or takes a role that they do not hold; `details.held` lists those held."


class LastOwnerError(IdentityError):
    """Somebody must be left who can give every role."""

    code = "identity.last_owner"
    meaning = "The organisation would be left without an owner; make somebody else one first."


class ProjectSlugTakenError(IdentityError):
    """Another project has the short name."""

    code = "identity.project_slug_taken"
    meaning = "Another project of the organisation has this short name."


class EnvironmentSlugTakenError(IdentityError):
    """Another environment has the short name."""

    code = "identity.environment_slug_taken"
    meaning = "Another environment of the project has this short name."


class AlreadyMemberError(IdentityError):
    """The person belongs to the organisation."""

    code = "identity.already_member"
    meaning = "The person is a member already; change the role instead."


class InvitationOverError(IdentityError):
    """The link leads nowhere (any more)."""

    code = "identity.invitation_over"
    status = 404
    meaning = "There is no such invitation, or it has been accepted, revoked or replaced, or has run out."


class PersonKnownError(IdentityError):
    """Somebody has this address."""

    code = "identity.person_known"
    meaning = (
        "Somebody with this e-mail address has an account; the invitation is accepted with its password."
    )


class UserExistsError(IdentityError):
    """The reference is somebody's."""

    code = "identity.user_exists"
    meaning = "The organisation has a user of this `user_id`; update it, or create one of another `user_id`."


class UserUnknownError(IdentityError):
    """The reference is nobody's."""

    code = "identity.user_unknown"
    meaning = "The organisation has no user of this `user_id`; create it first."


class EmailTakenError(IdentityError):
    """Another member has this address."""

    code = "identity.email_taken"
    meaning = "A member of the organisation has this e-mail address; each has another one."


class UserSharedError(IdentityError):
    """The person is not the organisation's alone."""

    code = "identity.user_shared"
    meaning = (
        "The person belongs to other organisations too, or administers Holo: only they change their own data."
    )


class UserChangeRunningError(IdentityError):
    """One change after the other."""

    code = "identity.user_change_running"
    retryable = True
    retry_after = 1
    meaning = "Another change of this user is under way; wait for its end or cancel it."


class UserChangeOverError(IdentityError):
    """It has ended."""

    code = "identity.user_change_over"
    stored = True
    meaning = "The change has ended and can no longer be cancelled; `details.status` says how."


class UserStepNotAllowedError(IdentityError):
    """The change does not call for a step that somebody asked for."""

    code = "identity.step_not_allowed"
    meaning = (
        "The change of a user does not allow this step; the response lists the actions and states that do."
    )
