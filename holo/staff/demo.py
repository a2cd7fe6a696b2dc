"""The second factor of the demonstration's people: one secret for each installation, told to everybody."""

import time

from django.conf import settings

from holo.identity.demo import DEMO_EMAILS
from holo.identity.models import User
from holo.staff.codes import code_at, shared_secret
from holo.staff.services import enrol_demo_person


def demo_secret() -> str:
    """Return the secret; it changes with SECRET_KEY, and only what is enrolled anew follows it."""
    return shared_secret(settings.SECRET_KEY, "demonstration")


def demo_code() -> str:
    """Return the code of this moment."""
    return code_at(demo_secret(), time.time())


def enrol_demo_people() -> int:
    """Give each of the demonstration's people the device where they have none; return how many got one."""
    people = User.objects.filter(login__in=DEMO_EMAILS).values_list("pk", flat=True)
    return sum(enrol_demo_person(user_id=pk, secret=demo_secret()) for pk in people)
