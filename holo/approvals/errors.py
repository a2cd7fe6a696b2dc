"""Refusals of decisions."""

from holo.common.errors import DomainError


class ApprovalError(DomainError):
    """Base of this package's errors."""


class AlreadyDecidedError(ApprovalError):
    """Somebody decided before."""

    code = "approvals.already_decided"
    status = 409
    stored = True
    meaning = "The request has been decided; the answer carries the state that won, by whom and when."


class RequestExpiredError(ApprovalError):
    """The deadline has passed by the database's clock."""

    code = "approvals.request_expired"
    status = 409
    stored = True
    meaning = "The deadline of the decision has passed."


class RequestWithdrawnError(ApprovalError):
    """Nothing is left to decide."""

    code = "approvals.request_withdrawn"
    status = 409
    stored = True
    meaning = "What was to be decided has been cancelled meanwhile."


class ContentChangedError(ApprovalError):
    """The decider saw something else."""

    code = "approvals.content_changed"
    status = 409
    meaning = "The content differs from what the decider saw; review it again."


class SecondPersonRequiredError(ApprovalError):
    """The decider made what is to be decided."""

    code = "approvals.second_person_required"
    status = 403
    stored = True
    meaning = "Whoever created the subject, or owns the key that did, may not decide it; nobody is exempt."


class NotAnAuditorError(ApprovalError):
    """The person may not decide at all."""

    code = "approvals.not_an_auditor"
    status = 403
    meaning = "Only active members of the group `auditor` may decide."
