"""Named timeouts and retry policies of activities; no number of this kind stands anywhere else.

A policy is splatted into the call: `workflow.execute_local_activity(NAME, arg, **LOCAL_STEP)`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

# After so many tries that fail by something else than an outage, a step is given up and parked.
ATTEMPTS = 6
# The type of the error by which the worker says so; a policy that names it stops trying.
GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """Options of one kind of activity call, as a mapping without those that are unset.

    A step in flight is always awaited when the workflow is cancelled, so that its outcome is known before
    anything is undone.
    """

    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy
    cancellation_type: ActivityCancellationType = field(
        default=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
    )

    def keys(self) -> Iterator[str]:
        """Name the options that are set."""
        return (option.name for option in fields(self) if getattr(self, option.name) is not None)

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPolicy(_Options):
    """For `workflow.execute_local_activity`.

    Waits longer than `local_retry_threshold` become durable timers, so that a long outage of the database
    does not hold a workflow task slot for each order.
    """

    local_retry_threshold: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePolicy(_Options):
    """For `workflow.execute_activity`."""

    heartbeat_timeout: timedelta | None = None


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


# A short database step. The timeout lies above the database's statement timeout (15 s), so that PostgreSQL
# is the one to give up; retried for ever, because a refusal is not retryable and an outage ends.
LOCAL_STEP = LocalPolicy(
    start_to_close_timeout=_seconds(20),
    retry_policy=RetryPolicy(
        initial_interval=_seconds(0.1), backoff_coefficient=2.0, maximum_interval=_seconds(30)
    ),
)

# The same step as a normal activity, where it must run on a queue or survive long waits.
DATABASE_STEP = RemotePolicy(
    start_to_close_timeout=_seconds(20),
    retry_policy=RetryPolicy(
        initial_interval=_seconds(0.1), backoff_coefficient=2.0, maximum_interval=_seconds(30)
    ),
)

# For a step that asks somebody outside: OUTSIDE_SECONDS (at most 10) for the calls, the rest for its rows, so
# that the step itself is the one to give up. It is also how long the step of a killed worker is waited for.
_OUTSIDE_STEP = _seconds(15)

# Payment provider and carrier. An outage is waited for, however long it takes: it must not park every order.
# After an ambiguous answer the step looks its key up first. What fails otherwise is given up after ATTEMPTS.
OUTSIDE_CALL = RemotePolicy(
    start_to_close_timeout=_OUTSIDE_STEP,
    retry_policy=RetryPolicy(
        initial_interval=_seconds(0.2),
        backoff_coefficient=2.0,
        maximum_interval=_seconds(30),
        non_retryable_error_types=(GIVEN_UP,),
    ),
)

# Several of these steps in one activity, which raises nothing: one that fails is taken alone, by the policy
# above. A killed worker is missed after the heartbeat timeout, as long as a single step is waited for.
STEPS_AT_ONCE = RemotePolicy(
    start_to_close_timeout=_seconds(600),
    heartbeat_timeout=_OUTSIDE_STEP,
    retry_policy=RetryPolicy(
        initial_interval=_seconds(0.2), backoff_coefficient=2.0, maximum_interval=_seconds(30)
    ),
)

# A step about a user: three tries, then the change is undone and tells so; whoever asked may ask again.
_USER_RETRY = RetryPolicy(
    initial_interval=_seconds(1),
    backoff_coefficient=2.0,
    maximum_interval=_seconds(60),
    maximum_attempts=3,
)
USER_STEP = LocalPolicy(start_to_close_timeout=_seconds(30), retry_policy=_USER_RETRY)
USER_NOTICE = RemotePolicy(start_to_close_timeout=_seconds(30), retry_policy=_USER_RETRY)

_COMPENSATION_RETRY = RetryPolicy(
    initial_interval=_seconds(0.1),
    backoff_coefficient=2.0,
    maximum_interval=_seconds(5),
    non_retryable_error_types=(GIVEN_UP,),
)
# A lasting failure is parked for a person after about 3 s; an outage is waited for. There is no
# schedule-to-close timeout: time without a worker must not use up the attempts.
COMPENSATION = RemotePolicy(start_to_close_timeout=_OUTSIDE_STEP, retry_policy=_COMPENSATION_RETRY)
LOCAL_COMPENSATION = LocalPolicy(start_to_close_timeout=_seconds(8), retry_policy=_COMPENSATION_RETRY)
