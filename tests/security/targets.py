"""Rows of every kind that raw SQL may be tried on: ended, used, refused, waiting."""

from datetime import timedelta

import psycopg
from django.db.models.functions import Now
from django.utils import timezone

from holo.apiauth.models import AuthorizationCode, UsedPublicToken
from holo.common.ids import uuid7
from holo.deliveries.models import Delivery
from holo.identity.models import AddressChange, Invitation, User, UserChange
from holo.outbox.models import OutboxMessage
from holo.secretstore.places import place_of
from holo.secretstore.services import delete_secret, set_secret
from holo.stack.postgres import PostgresServer
from holo.staff.models import RecoveryCode, SecondFactor, StaffSession
from tests.stories import Shop


def as_app(statement: str, server: PostgresServer, database: str) -> None:
    """Run a statement as the app role, with every check that its commit would make."""
    with psycopg.connect(server.app_url(database)) as app:
        app.execute(statement.encode())
        app.execute("SET CONSTRAINTS ALL IMMEDIATE")


def build_targets(shop: Shop) -> None:
    """Make, in a shop, at least one row for each attack that orders and stock are no target of."""
    _people(shop)
    _log_ins(shop.seller)
    _credentials(shop)
    _mail(shop)


def _people(shop: Shop) -> None:
    later = timezone.now() + timedelta(days=1)
    for email, state in (("open@example.com", "open"), ("revoked@example.com", "revoked")):
        Invitation.objects.create(
            organization=shop.organization,
            email=email,
            role="owner",
            state=state,
            expires_at=later,
            ended_at=None if state == "open" else timezone.now(),
        )
    for reference, state in (("running", "running"), ("failed", "failed")):
        UserChange.objects.create(
            organization=shop.organization,
            reference=reference,
            action="update",
            email="new@example.com",
            user=shop.seller,
            state=state,
            code="" if state == "running" else "identity.email_taken",
            ended_at=None if state == "running" else timezone.now(),
        )
    AddressChange.objects.create(user=shop.seller, before="old@example.com", after=shop.seller.email)


def _log_ins(person: User) -> None:
    factor = SecondFactor.objects.create(user=person, confirmed_at=timezone.now(), last_step=9)
    RecoveryCode.objects.create(factor=factor, code_hash="x", used_at=timezone.now())
    StaffSession.objects.create(user=person)


def _credentials(shop: Shop) -> None:
    now = timezone.now()
    AuthorizationCode.objects.create(
        code_hash="x",
        user_code="x",
        client_name="x",
        scopes=[],
        address="x",
        state="refused",
        organization=shop.organization,
        user=shop.seller,
        created_at=now,
        expires_at=now + timedelta(minutes=5),
    )
    UsedPublicToken.objects.create(jti=uuid7(), expires_at=now + timedelta(minutes=5))
    place = place_of(shop.organization)
    for value in ("one", "two"):
        set_secret(actor=shop.seller_actor, place=place, name="kept", value=value)
    set_secret(actor=shop.seller_actor, place=place, name="wiped", value="x")
    delete_secret(actor=shop.seller_actor, place=place, name="wiped")


def _mail(shop: Shop) -> None:
    delivered = OutboxMessage.objects.order_by("id")[:1].values("id")
    OutboxMessage.objects.filter(id__in=delivered).update(delivered_at=Now())
    for state in ("waiting", "withdrawn"):
        Delivery.objects.create(
            organization_id=shop.organization.pk,
            kind=state,
            source="x",
            address="somebody@example.com",
            state=state,
            available_at=timezone.now(),
            ended_at=None if state == "waiting" else timezone.now(),
        )
