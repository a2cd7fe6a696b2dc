"""Checks passwords, no more often than the limits allow; every way to fail looks and costs the same."""

import logging
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from holo.common.callers import client_address
from holo.common.errors import BusyError
from holo.identity.models import User
from holo.identity.selectors import find_person
from holo.staff.limits import Attempt
from holo.staff.services import record_wrong_password, return_attempt, take_attempt

logger = logging.getLogger("holo.security")


class LimitedBackend(ModelBackend):
    """The one place where a password is compared with a person's, whichever page asks."""

    @sensitive_variables("password", "kwargs")
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Return the person; None for an unknown one, a wrong password, a deactivated one, or a wait."""
        email = username if username is not None else kwargs.get(User.USERNAME_FIELD)
        if email is None or password is None:
            return None
        address = client_address(request) if request is not None else ""
        known = find_person(str(email))
        # By the address that the person has: other spellings that lead to the same person are no other tries.
        attempt = _taken((known and known.login) or str(email), address)
        if attempt is None or not attempt.allowed:
            # As slow as a comparison: how long it takes tells nobody that there is a wait.
            make_password(password)
            logger.warning("login_refused: too many attempts from %s", address or "-")
            return None
        person = super().authenticate(request, username=email, password=password)
        if person is None:
            record_wrong_password(attempt=attempt, user_id=known.pk if known else None, address=address)
        else:
            return_attempt(attempt=attempt)
        return person


def _taken(email: str, address: str) -> Attempt | None:
    try:
        return take_attempt(email=email, address=address)
    except BusyError:
        # So many at once that the count is not had in time.
        return None
