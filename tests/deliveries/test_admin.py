"""Administrators see what was refused, each those of their own organisations."""

import pytest
from django.contrib.auth.models import Permission
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from holo.common.db import unit_of_work
from holo.common.ids import uuid7
from holo.deliveries.kinds import Recipient
from holo.deliveries.models import Delivery
from holo.deliveries.operations import add_deliveries
from holo.identity.events import MEMBER_INVITED
from holo.identity.models import Membership, Organization, User
from tests.builders import build_organization
from tests.logins import log_in

pytestmark = pytest.mark.django_db
PAGE = reverse("admin:deliveries_delivery_changelist")


def refused(organization: Organization, recipient: Recipient) -> Delivery:
    """Return a new delivery that a server refused."""
    unit_of_work(
        lambda: add_deliveries(
            kind=MEMBER_INVITED,
            organization_id=organization.pk,
            recipients=[recipient],
            data={},
            source=uuid7().hex,
        )
    )
    row = Delivery.objects.latest("id")
    Delivery.objects.filter(pk=row.pk).update(
        state=Delivery.State.REFUSED, ended_at=Now(), last_problem="550 no such user"
    )
    return row


def a_person(**fields: bool) -> User:
    return User.objects.create_user(f"{uuid7().hex}@example.com", None, is_staff=True, **fields)


def seen_by(person: User, address: str = PAGE) -> str:
    client = Client()
    log_in(client, person)
    page = client.get(address)
    assert page.status_code == 200
    return page.content.decode()


def test_superuser_sees_recipient_and_reason() -> None:
    organization, person = build_organization(), a_person()
    refused(organization, Recipient(address="new@example.com"))
    row = refused(organization, Recipient(id=person.pk))
    root = a_person(is_superuser=True)
    text = seen_by(root)
    for shown in ("new@example.com", person.email, organization.name, "550 no such user", "invitation"):
        assert shown in text
    detail = seen_by(root, reverse("admin:deliveries_delivery_change", args=[row.pk]))
    assert "550 no such user" in detail
    assert "new@example.com" in seen_by(root, f"{PAGE}?state=refused&kind={MEMBER_INVITED}&q=new@example.com")
    assert "new@example.com" not in seen_by(root, f"{PAGE}?state=waiting")


def test_member_with_the_right_sees_the_own_organisations_alone() -> None:
    own, foreign = build_organization(), build_organization()
    refused(own, Recipient(address="own@example.com"))
    refused(foreign, Recipient(address="foreign@example.com"))
    person = a_person()
    Membership.objects.create(organization=own, user=person)
    person.user_permissions.add(
        Permission.objects.get(codename="view_delivery", content_type__app_label="deliveries")
    )
    text = seen_by(person)
    assert ("own@example.com" in text, "foreign@example.com" in text) == (True, False)
