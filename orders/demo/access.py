"""What a run of the demonstration needs of the database: two people's keys, and to be the only run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from holo.apiauth.scopes import INVENTORY_READ, ORDERS_AUDIT, ORDERS_READ, ORDERS_WRITE
from holo.apiauth.services import create_api_key, revoke_api_key
from holo.common.errors import NotFoundError
from holo.identity.demo import DEMO_APPROVER, DEMO_OPERATOR
from holo.identity.models import Membership, User
from orders.demo.seed import ORGANIZATION_SLUG

# Longer than any run; the keys are revoked at its end.
_LIFETIME = timedelta(hours=1)
# Any number that nobody else locks in this database.
_LOCK = 7_150_212


class Keys(NamedTuple):
    """The secrets of two people's keys."""

    operator: str
    approver: str


@contextmanager
def alone(say: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other run is under way: each counts stock, which the other would change.

    Seeding waits too, for it looks for what is missing, and two at once would both deliver it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        if cursor.fetchone() != (True,):
            say(_("another run of the demo is under way; waiting for its end …"))
            cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


@contextmanager
def fresh_keys() -> Iterator[Keys]:
    """Make a key for each of the two and revoke both afterwards. Raises NotFoundError without the people."""
    made = [
        _create(DEMO_OPERATOR, (ORDERS_READ, ORDERS_WRITE, INVENTORY_READ)),
        _create(DEMO_APPROVER, (ORDERS_READ, ORDERS_AUDIT)),
    ]
    try:
        yield Keys(*(secret for _id, secret in made))
    finally:
        for key_id, _secret in made:
            revoke_api_key(actor=None, key_id=key_id)


def _create(email: str, scopes: tuple[str, ...]) -> tuple[UUID, str]:
    user = User.objects.called(email).first()
    membership = Membership.objects.filter(user=user, organization__slug=ORGANIZATION_SLUG).first()
    if user is None or membership is None:
        raise NotFoundError(f"{email} is not there")
    key, secret = create_api_key(
        actor=None,
        owner_id=user.pk,
        organization_id=membership.organization_id,
        name="manage.py demo",
        scopes=scopes,
        expires_in=_LIFETIME,
    )
    return key.pk, secret
