"""Contracts of the sample domain."""

from pydantic import BaseModel, ConfigDict

from workflows.runtime.saga import StepFailure

STEPS = ("first", "second", "third")
TAKE_STEP, UNDO_STEP, REFUSE, BACKEND_PID = "take_step", "undo_step", "refuse", "backend_pid"


class Contract(BaseModel):
    """Base of the contracts."""

    model_config = ConfigDict(frozen=True)


class Subject(Contract):
    """What a workflow is about."""

    subject_id: str


class Step(Contract):
    """One step of a subject."""

    subject_id: str
    step: str


class Done(Contract):
    """How the workflow ended: failures of each round of compensation."""

    rounds: tuple[tuple[StepFailure, ...], ...]
    cancelled: bool


class Refusal(Contract):
    """How a refused step looks to its workflow."""

    kind: str
    failure: StepFailure


class Pid(Contract):
    """The database connection that an activity had, and which try it was."""

    pid: int
    attempt: int
    request_id: str
