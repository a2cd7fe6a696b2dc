"""People who log in to the admin with both factors, as tests need them."""

import time
from datetime import timedelta

from django.db.models.functions import Now
from django.test import Client

from holo.identity.models import User
from holo.staff.codes import STEP, code_at, new_secret
from holo.staff.middleware import SESSION_KEY
from holo.staff.models import StaffSession
from holo.staff.selectors import has_second_factor
from holo.staff.services import begin_session, enrol_demo_person

ADDRESS = "127.0.0.1"
# Seconds that a code may be on its way to the server.
_ON_ITS_WAY = 5


class Device:
    """A device in somebody's hand: shows each code once, as the server takes each once."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self._shown = 0

    def present(self) -> str:
        """Return the code of this step: the one that may be on its way longest."""
        self._shown = max(self._shown, int(time.time()) // STEP)
        return code_at(self.secret, self._shown * STEP)

    def code(self) -> str:
        """Return a code that the server takes: of this step, or where it was shown of the next ones.

        Three within half a minute, from the step before this one to the one after; a fourth is waited for.
        In the last seconds of a step the one before is left out: it would be too old when it arrives.
        """
        moment = time.time()
        now = int(moment) // STEP
        oldest = now - 1 if moment % STEP < STEP - _ON_ITS_WAY else now
        self._shown = max(self._shown + 1, oldest)
        time.sleep(max(0.0, (self._shown - 1) * STEP - moment))
        return code_at(self.secret, self._shown * STEP)


def enrol(person: User) -> Device:
    """Give somebody a device, as one that was confirmed before."""
    device = Device(new_secret())
    assert enrol_demo_person(user_id=person.pk, secret=device.secret), "has a device already"
    return device


def log_in(client: Client, person: User) -> None:
    """Log a person in who has just shown both factors; the doors themselves are in `tests/staff/`."""
    if not has_second_factor(person.pk):
        enrol(person)
    client.force_login(person)
    session = client.session
    session[SESSION_KEY] = str(begin_session(user=person, address=ADDRESS, agent="tests"))
    session.save()


def show_no_code_since(client: Client, *, minutes: int = 6) -> None:
    """Let the last code of a browser's session have been shown so long ago."""
    long_ago = Now() - timedelta(minutes=minutes)
    StaffSession.objects.filter(pk=client.session[SESSION_KEY]).update(proved_at=long_ago)
