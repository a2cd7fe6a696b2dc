"""The end of a process that was told to stop: within its time, whatever hangs."""

import logging
import os
import threading
from collections.abc import Callable, Iterable

from django.conf import settings

logger = logging.getLogger(__name__)

_LEFT_BEHIND = 1


def leave_in_time(in_hand: Callable[[], Iterable[str]]) -> None:
    """End the process after STOP_SECONDS, unless it ends before: exit code 1, and a log line of what hangs.

    Threads cannot be ended. What they have in hand is done again elsewhere, when its own time limit is over.
    """
    timer = threading.Timer(settings.STOP_SECONDS, _leave, [in_hand])
    timer.daemon = True
    timer.start()


def _leave(in_hand: Callable[[], Iterable[str]]) -> None:
    names = ", ".join(in_hand()) or "nothing that is known"
    logger.error("not stopped within %d s; left in hand: %s", settings.STOP_SECONDS, names)
    os._exit(_LEFT_BEHIND)
