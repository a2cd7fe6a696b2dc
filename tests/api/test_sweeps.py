"""What credentials leave behind is swept away, and no sooner than it may be."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from holo.apiauth.models import ApiKey, AuthorizationCode, UsedPublicToken
from holo.apiauth.services import create_authorization_code
from holo.apiauth.tasks import purge_ended_logins
from holo.common.callers import crowd_of
from tests.planting import plant


@pytest.mark.django_db
def test_what_could_still_be_shown_again_stays() -> None:
    now = timezone.now()
    kept = UsedPublicToken.objects.create(jti=uuid4(), expires_at=now + timedelta(minutes=1))
    UsedPublicToken.objects.create(jti=uuid4(), expires_at=now - timedelta(seconds=1))
    assert purge_ended_logins() == 1
    assert list(UsedPublicToken.objects.all()) == [kept]


@pytest.mark.django_db
@pytest.mark.parametrize(("age", "left"), [(timedelta(days=6), 1), (timedelta(days=8), 0)])
def test_code_is_kept_for_a_week_after_its_end(age: timedelta, left: int) -> None:
    create_authorization_code(client_name="holo-cli", scopes=["orders:read"], address="203.0.113.7")
    plant(AuthorizationCode.objects.all(), expires_at=timezone.now() - age)
    purge_ended_logins()
    assert AuthorizationCode.objects.count() == left
    assert ApiKey.objects.count() == 0


@pytest.mark.pure
@pytest.mark.parametrize(
    ("address", "crowd"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        # What a server that listens on IPv6 sees of the same caller.
        ("::ffff:203.0.113.7", "203.0.113.7/32"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_who_shares_a_limit(address: str, crowd: str) -> None:
    assert crowd_of(address) == crowd
