"""How often and how long a delivery is tried, and how many attempts run at once."""

import random
from datetime import timedelta

# Waits after the first, second … failed attempt: nine attempts within a day.
WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=4),
    timedelta(hours=8),
    timedelta(hours=8),
)
MAX_ATTEMPTS = len(WAITS) + 1
# Attempts at once in the whole installation: fewer than the processes of `celery`, so that one is always
# free for other tasks while a mail server is slow.
AT_ONCE = 1

# Seconds. A single wait for the mail server is shorter than an attempt, which is shorter than Celery's limit,
# which kills the process; only after that does the claim end and somebody else may try.
OPERATION_SECONDS = 10
ATTEMPT_SECONDS = 30
TASK_SECONDS = 60
CLAIM = timedelta(seconds=90)

# How often due rows are looked for.
SWEEP_SECONDS = 15
DELIVERED_KEPT_FOR = timedelta(days=7)
# Long enough to be seen and acted on.
FAILED_KEPT_FOR = timedelta(days=30)


def wait_after(attempt: int) -> timedelta | None:
    """Return how long to wait after a failed attempt (from 1), None after the last one."""
    if attempt >= MAX_ATTEMPTS:
        return None
    return WAITS[attempt - 1] * random.uniform(1, 1.1)
