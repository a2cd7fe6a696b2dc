"""Named points at which a test stops, fails or kills the process, to show that its work is finished.

A point is `<service>:before_commit`, `<service>:after_commit`, `<activity>:begun` or
`<activity>:before_report`. Nothing is planned in production: a plan without DEBUG=1 is refused.
"""

import os
import signal
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

# What happens at a point. It runs in the thread that gets there, inside its transaction if it has one.
Action = Callable[[], None]

_planned: dict[str, Action] = {}


def crash_point(subject: str, moment: str) -> None:
    """Do what is planned at `subject:moment`; as good as nothing where nothing is."""
    if _planned and (action := _planned.get(f"{subject}:{moment}")):
        action()


def plan(point: str, action: Action) -> None:
    """Plan what happens whenever the process gets to `point`. Raises ImproperlyConfigured without DEBUG."""
    if not settings.DEBUG:
        raise ImproperlyConfigured("crash points are refused without DEBUG=1")
    _planned[point] = action


def forget_plans() -> None:
    """Plan nothing any more."""
    _planned.clear()


def plan_from_environment() -> None:
    """Plan the death of this process at the point that CRASH_POINT names.

    Once for all processes: the one that can create the file CRASH_MARK dies, the others go on.
    """
    point = os.environ.get("CRASH_POINT")
    if point:
        mark = os.environ["CRASH_MARK"]
        plan(point, lambda: _die_once(mark))


def _die_once(mark: str) -> None:
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
