"""What crosses between the workflow and its activities: ids and codes, nothing about a person."""

from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """Base of all contracts: frozen, and an unknown field is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Action(StrEnum):
    """What is wanted."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class ChangeRef(Contract):
    """One change: input of the workflow."""

    change_id: UUID
    action: Action


class StepRef(Contract):
    """One change in one run: input of its steps."""

    change_id: UUID
    run_id: str


class Closing(Contract):
    """How a change ends that did not come about; without a code it was cancelled."""

    change_id: UUID
    code: str


class Outcome(Contract):
    """How a change ended; what it was about is in its row."""

    change_id: UUID
    succeeded: bool
    code: str = ""


class Activity(StrEnum):
    """The names of the activities, which are those of the services."""

    VALIDATE_USER = "validate_user"
    CREATE_USER = "create_user"
    COMPLETE_USER_CHANGE = "complete_user_change"
    DISCARD_USER = "discard_user"
    UPDATE_USER = "update_user"
    DELETE_USER = "delete_user"
    CLOSE_USER_CHANGE = "close_user_change"
    SEND_NOTIFICATION = "send_notification"
    RECORD_UNSENT = "record_unsent"
