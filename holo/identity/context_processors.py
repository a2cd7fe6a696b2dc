"""What every page of the admin is told."""

import time

from django.conf import settings
from django.http import HttpRequest

from holo.identity.selectors import demo_passwords_work

_SECONDS = 30.0
_looked: dict[str, tuple[float, bool]] = {}


def demo_banner(request: HttpRequest) -> dict[str, bool]:
    """Return `demo_credentials`, true while somebody can log in with a password that everybody knows."""
    return {"demo_credentials": bool(settings.DEMO) and _demo_credentials_exist()}


def _demo_credentials_exist() -> bool:
    """Look at most every 30 seconds in a process: comparing passwords is slow on purpose."""
    now = time.monotonic()
    until, answer = _looked.get("answer", (0.0, False))
    if now >= until:
        answer = demo_passwords_work()
        _looked["answer"] = (now + _SECONDS, answer)
    return answer
