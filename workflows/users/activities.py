"""Thin adapters between the workflow's contracts and the services."""

from temporalio import activity

from holo.common.api.errors import UnavailableError
from holo.common.errors import error_table
from holo.identity import services
from workflows.users.contracts import Activity, Closing, StepRef


@activity.defn(name=Activity.VALIDATE_USER, no_thread_cancel_exception=True)
def validate_user(step: StepRef) -> bool:
    """Note the run and look whether the change is possible."""
    return services.validate_user(change_id=step.change_id, run_id=step.run_id)


@activity.defn(name=Activity.CREATE_USER, no_thread_cancel_exception=True)
def create_user(step: StepRef) -> bool:
    """Make the person a member."""
    return services.create_user(change_id=step.change_id)


@activity.defn(name=Activity.COMPLETE_USER_CHANGE, no_thread_cancel_exception=True)
def complete_user_change(step: StepRef) -> bool:
    """Pass the point of no return of a create."""
    return services.complete_user_change(change_id=step.change_id)


@activity.defn(name=Activity.DISCARD_USER, no_thread_cancel_exception=True)
def discard_user(step: StepRef) -> None:
    """Take the person back."""
    services.discard_user(change_id=step.change_id)


@activity.defn(name=Activity.UPDATE_USER, no_thread_cancel_exception=True)
def update_user(step: StepRef) -> bool:
    """Give the person the new data."""
    return services.update_user(change_id=step.change_id)


@activity.defn(name=Activity.DELETE_USER, no_thread_cancel_exception=True)
def delete_user(step: StepRef) -> bool:
    """End the membership, and the person where they belong nowhere else."""
    return services.delete_user(change_id=step.change_id)


@activity.defn(name=Activity.CLOSE_USER_CHANGE, no_thread_cancel_exception=True)
def close_user_change(closing: Closing) -> None:
    """End a change that did not come about; what the catalogue of errors does not know is our own failure."""
    known = not closing.code or closing.code in error_table()
    code = closing.code if known else UnavailableError.code
    services.close_user_change(change_id=closing.change_id, code=code)


@activity.defn(name=Activity.SEND_NOTIFICATION, no_thread_cancel_exception=True)
def send_notification(step: StepRef) -> None:
    """Have the person told by mail, which is no part of the process any more."""
    services.send_notification(change_id=step.change_id)


@activity.defn(name=Activity.RECORD_UNSENT, no_thread_cancel_exception=True)
def record_unsent(step: StepRef) -> None:
    """Note that the person could not be told."""
    services.record_notification(change_id=step.change_id, sent=False)


ACTIVITIES = (
    validate_user,
    create_user,
    complete_user_change,
    discard_user,
    update_user,
    delete_user,
    close_user_change,
    send_notification,
    record_unsent,
)
