"""Refusals and troubles in talking to Temporal."""

from holo.common.errors import DomainError


class WorkflowsError(DomainError):
    """Base of this package's errors."""


class TemporalUnavailableError(WorkflowsError):
    """Temporal does not answer, or not yet."""

    code = "workflows.temporal_unavailable"
    status = 503
    retryable = True
    retry_after = 2
    meaning = "Temporal does not answer at the moment; rows are safe, and work goes on when it is back."


class WorkflowNotFoundError(WorkflowsError):
    """No such run, or none that is still running."""

    code = "workflows.workflow_not_found"
    status = 404
    meaning = "Temporal knows no workflow of this id, or it has ended."


class CallRefusedError(WorkflowsError):
    """Temporal understood the call and will refuse it again."""

    code = "workflows.call_refused"
    status = 500
    meaning = "Temporal refused a call as malformed or not allowed; repeating it changes nothing."


class PayloadUnreadableError(WorkflowsError):
    """A sealed payload does not open with the ring of this process.

    Retryable, so that nothing ends by it: a run whose worker lacks a key stands still until it has it.
    """

    code = "workflows.payload_unreadable"
    status = 503
    retryable = True
    retry_after = 60
    meaning = (
        "A payload of a workflow does not open with TEMPORAL_KEYRING of this process: its key is missing or"
        " another one, or the payload was changed. The workflow waits until it opens."
    )
