"""An erased person's addresses are in no row of any table, whatever the person did before."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import IntegrityError, connection, transaction
from django.test import Client

from holo.apiauth.services import create_api_key
from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from holo.audit.models import AuditEvent
from holo.deliveries.models import Delivery
from holo.identity import services
from holo.identity.events import ADDRESS_CHANGED
from holo.identity.models import AddressChange, Invitation, Membership, User, UserChange
from holo.identity.roles import Role
from holo.outbox.models import OutboxMessage
from inventory.models import StockMovement
from orders.models import OrderAbort, OrderEvent
from orders.services import cancel_order
from tests.api.people import Api
from tests.builders import build_organization
from tests.forms import filled
from tests.identity.people import actor_of as member_actor
from tests.identity.people import add_member, build_team
from tests.logins import log_in
from tests.post import plan_mail, send_mail
from tests.stories import MAC, PHONE, Shop, actor_of, build_shop

pytestmark = pytest.mark.django_db

OLD, NEW = "Ann.O'Hara+shop@Example.com", "ann.new@example.com"
SHOWN = OLD.lower().replace("'", "&#x27;")
# Whose address goes on where the other one ends.
OTHER = "joann.new@example.com"
REFERENCE = "user-7"
PASSWORD_HASH = make_password("correct horse battery staple")
_COLUMNS = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = 'public' AND data_type IN (
    'text', 'character varying', 'json', 'jsonb', 'bytea', 'ARRAY', 'USER-DEFINED'
)
ORDER BY 1, 2
"""


def rows_with(*addresses: str) -> dict[str, list[str]]:
    """Return what columns of all tables hold one of the addresses, in any case, packed sessions included."""
    found: dict[str, list[str]] = {}
    needles = [address.casefold() for address in addresses]
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS)
        for table, column, kind in cursor.fetchall():
            shown = f"encode(\"{column}\", 'escape')" if kind == "bytea" else f'"{column}"::text'
            cursor.execute(f'SELECT {shown} FROM "{table}" WHERE "{column}" IS NOT NULL')
            texts = [text for (text,) in cursor.fetchall()]
            if table == "django_session" and column == "session_data":
                texts = [json.dumps(session.get_decoded()) for session in Session.objects.all()]
            hits = [text for text in texts if any(needle in text.casefold() for needle in needles)]
            # Another person's address has this one in it.
            hits = [text for text in hits if any(n in text.casefold().replace(OTHER, "") for n in needles)]
            if hits:
                found[f"{table}.{column}"] = hits
    return found


def run(change: UserChange) -> None:
    """Do what the process does with a change."""
    assert services.validate_user(change_id=change.pk, run_id="run")
    if change.action == UserChange.Action.CREATE:
        assert services.create_user(change_id=change.pk)
        assert services.complete_user_change(change_id=change.pk)
    elif change.action == UserChange.Action.UPDATE:
        assert services.update_user(change_id=change.pk)
    else:
        assert services.delete_user(change_id=change.pk)
    services.record_notification(change_id=change.pk, sent=True)


class Story:
    """A person who does everything, and the owner of the organisation who has them created and deleted."""

    def __init__(self) -> None:
        self.shop: Shop = build_shop()
        self.owner = add_member(self.shop.organization, Role.OWNER)
        self.actor = member_actor(self.owner, self.shop.organization)
        self.person = self._created()

    def ask(self, action: UserChange.Action, email: str = "", name: str = "") -> UserChange:
        change = services.request_user_change(
            actor=self.actor, reference=REFERENCE, action=action, email=email, name=name
        )
        run(change)
        return change

    def show(self, address: str) -> None:
        """Have the person show that the address is theirs, by accepting an invitation to it."""
        invitation = services.invite_member(actor=self.actor, email=address, role=Role.MEMBER)
        issued = services.issue_invitation_link(invitation_id=invitation.pk)
        assert issued is not None
        person = User.objects.get(pk=self.person.pk)
        known = {"person_id": person.pk} if person.login else {"name": "Ann", "password_hash": PASSWORD_HASH}
        services.accept_invitation(token=issued[1], **known)

    def _created(self) -> User:
        self.ask(UserChange.Action.CREATE, email=OLD, name="Ann O'Hara")
        person = User.objects.get(email__address=OLD)
        person.groups.add(Group.objects.get(name="operator"), Group.objects.get(name="auditor"))
        Membership.objects.filter(user=person).update(role=Role.ADMIN)
        return person

    def do_everything(self) -> None:
        shop, person = self.shop, User.objects.get(pk=self.person.pk)
        acting = Shop(
            organization=shop.organization,
            seller=person,
            auditor=shop.auditor,
            warehouses=shop.warehouses,
            products=shop.products,
        )
        cancel_order(actor=actor_of(person, shop.organization), order_id=acting.place(PHONE).pk)
        order = shop.place(MAC)
        decide(
            actor=actor_of(person, shop.organization),
            request_id=ApprovalRequest.objects.get(subject_id=order.pk).pk,
            verdict=ApprovalDecision.Verdict.APPROVE,
            reason="Checked by telephone.",
            digest_seen=None,
        )
        self._by_api(person)
        self._in_the_admin(person)
        elsewhere = build_team()
        services.invite_member(actor=elsewhere.actor(Role.OWNER), email=person.email, role=Role.MEMBER)
        OutboxMessage.objects.update(last_error=f"550 <{person.email.upper()}> unknown, not {OTHER}")

    def _by_api(self, person: User) -> None:
        _, key = create_api_key(
            actor=None,
            owner_id=person.pk,
            organization_id=self.shop.organization.pk,
            name=f"{person.email}'s laptop",
            scopes=["orders:read", "orders:write", "organization:read", "organization:write"],
            expires_in=timedelta(days=1),
        )
        api = Api(key)
        order = {"items": [PHONE], "amount": "500.00", "buyer": person.email}
        assert api.post("/api/v1/orders", order, headers={"Idempotency-Key": uuid4().hex}).status_code == 201
        invited = {"email": person.email, "role": "member"}
        other = build_team()
        owner_key = create_api_key(
            actor=None,
            owner_id=other.people[Role.OWNER].pk,
            organization_id=other.organization.pk,
            name="owner",
            scopes=["organization:read", "organization:write"],
            expires_in=timedelta(days=1),
        )[1]
        answer = Api(owner_key).post("/api/v1/invitations", invited, headers={"Idempotency-Key": "two"})
        assert answer.status_code == 201

    def _in_the_admin(self, person: User) -> None:
        User.objects.filter(pk=person.pk).update(is_staff=True)
        client = Client()
        log_in(client, User.objects.get(pk=person.pk))
        assert client.get("/admin/").status_code == 200
        User.objects.filter(pk=person.pk).update(is_staff=False)
        LogEntry.objects.log_actions(self.owner.pk, [person], CHANGE, [{"changed": {"object": str(person)}}])
        kept = SessionStore()
        kept["message"] = f"The user “{person.email}” was changed."
        kept.save()


@pytest.fixture
def story(db: None) -> Story:
    """What happened before."""
    return Story()


def test_no_row_of_any_table_holds_an_address_of_who_was_erased(story: Story) -> None:
    story.show(OLD)
    story.do_everything()
    story.ask(UserChange.Action.UPDATE, email=NEW, name="Ann Hara")
    story.show(NEW)
    story.do_everything()
    joann = User.objects.create_user(OTHER, None)
    before = rows_with(OLD, NEW)
    # The control: the search finds what it is for, in every kind of column.
    assert {
        "apiauth_apikey.name",
        "django_admin_log.object_repr",
        "django_admin_log.change_message",
        "django_session.session_data",
        "idempotency_idempotencylog.body",
        "identity_addresschange.before",
        "identity_invitation.email",
        "identity_user.email",
        "identity_userchange.email",
        "orders_order.buyer",
        "outbox_outboxmessage.last_error",
    } <= set(before)
    story.ask(UserChange.Action.DELETE)
    assert rows_with(OLD, NEW) == {}
    joann.refresh_from_db()
    assert joann.email == OTHER
    # Nothing of the other one's went with it.
    assert OutboxMessage.objects.filter(last_error__endswith=f"not {OTHER}").exists()
    assert not Invitation.objects.filter(email=f"deleted-{story.person.pk.hex}@deleted.invalid", state="open")


def test_a_similar_address_is_another_persons(story: Story) -> None:
    """`\u0131` has the capital of `i`: compared in capitals, both addresses were one."""
    elsewhere = build_team()
    similar = OLD.lower().replace("shop", "sh\u0131p")
    story.ask(UserChange.Action.UPDATE, email=similar, name="Ann")
    kept = services.invite_member(
        actor=elsewhere.actor(Role.OWNER), email=similar.replace("\u0131", "i"), role=Role.MEMBER
    )
    story.ask(UserChange.Action.DELETE)
    kept.refresh_from_db()
    assert kept.state == Invitation.State.OPEN


def test_rows_that_only_grow_name_people_by_id(story: Story) -> None:
    story.do_everything()
    reference = f"user:{story.person.pk}"
    for model in (AuditEvent, OrderEvent, OrderAbort):
        assert model._default_manager.filter(actor_label=reference).exists(), model
    assert StockMovement.objects.exists()
    assert not StockMovement.objects.filter(actor_label__contains="@").exists()


@pytest.mark.parametrize("table", ["audit_auditevent", "orders_orderevent", "inventory_stockmovement"])
def test_no_address_gets_into_rows_that_only_grow(story: Story, table: str) -> None:
    story.do_everything()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns"
            " WHERE table_name = %s AND column_name NOT IN ('id', 'actor_label', 'version')",
            [table],
        )
        columns = cursor.fetchone()[0]
        version = ", version" if table == "orders_orderevent" else ""
        newest = "(SELECT max(version) + 1 FROM orders_orderevent WHERE order_id = e.order_id)"
        with pytest.raises(IntegrityError, match="names_no_address"), transaction.atomic():
            cursor.execute(
                f"INSERT INTO {table} ({columns}, actor_label{version}) SELECT {columns}, 'a@example.com'"
                f"{version and ', ' + newest} FROM {table} e LIMIT 1"
            )


def test_a_person_is_shown_by_their_present_address_and_found_by_it(story: Story) -> None:
    story.do_everything()
    root = User.objects.create_superuser("root@example.com", None)
    client = Client()
    log_in(client, root)
    for page in ("audit/auditevent", "orders/orderevent", "inventory/stockmovement"):
        listed = client.get(f"/admin/{page}/", {"q": OLD.upper()})
        assert listed.status_code == 200
        if page != "inventory/stockmovement":
            assert SHOWN in listed.content.decode(), page
    event = OrderEvent.objects.filter(actor_label=f"user:{story.person.pk}").first()
    assert event is not None
    page = client.get(f"/admin/orders/orderevent/{event.pk}/change/").content.decode()
    assert SHOWN in page
    trail = AuditEvent.objects.filter(actor_id=story.person.pk).first()
    assert trail is not None
    page = client.get(f"/admin/audit/auditevent/{trail.pk}/change/").content.decode()
    assert SHOWN in page
    aborted = OrderAbort.objects.get(actor=story.person)
    shown = client.get(f"/admin/orders/order/{aborted.order_id}/change/").content.decode()
    assert SHOWN in shown


def test_a_change_that_came_to_nothing_forgets_whom_it_was_about(story: Story) -> None:
    change = services.request_user_change(
        actor=story.actor, reference="user-8", action=UserChange.Action.CREATE, email=NEW, name="Ann Hara"
    )
    assert services.validate_user(change_id=change.pk, run_id="run")
    assert services.create_user(change_id=change.pk)
    assert "identity_user.email" in rows_with(NEW)
    services.discard_user(change_id=change.pk)
    services.close_user_change(change_id=change.pk, code="identity.email_taken")
    assert rows_with(NEW) == {}


def test_a_created_person_who_has_logged_in_meanwhile_keeps_the_account(story: Story) -> None:
    change = services.request_user_change(
        actor=story.actor, reference="user-8", action=UserChange.Action.CREATE, email=NEW, name="Ann Hara"
    )
    assert services.create_user(change_id=change.pk)
    person = User.objects.get(email__address=NEW)
    invitation = services.invite_member(actor=story.actor, email=NEW, role=Role.MEMBER)
    issued = services.issue_invitation_link(invitation_id=invitation.pk)
    assert issued is not None
    services.accept_invitation(token=issued[1], name="Ann", password_hash=make_password("correct horse"))
    services.discard_user(change_id=change.pk)
    person.refresh_from_db()
    assert (person.email, person.login, person.is_active) == (NEW, NEW, True)
    assert not person.memberships.exists()


def test_an_erased_person_cannot_be_brought_back_by_an_open_invitation(story: Story) -> None:
    story.show(OLD)
    organization = build_organization()
    inviting = member_actor(add_member(organization, Role.OWNER), organization)
    invitation = services.invite_member(actor=inviting, email=OLD, role=Role.MEMBER)
    story.ask(UserChange.Action.DELETE)
    invitation.refresh_from_db()
    assert (invitation.state, "deleted-" in invitation.email) == (Invitation.State.REVOKED, True)
    revoked = AuditEvent.objects.get(action="identity.invitation_revoked", subject_id=str(invitation.pk))
    assert revoked.actor_label == "system"


@pytest.mark.parametrize("way", ["delete", "discard", "update and delete"])
@pytest.mark.parametrize("known", [True, False], ids=["somebody's elsewhere", "invited elsewhere"])
def test_address_that_others_have_too_is_taken_out_of_no_row_of_theirs(
    story: Story, way: str, known: bool
) -> None:
    """An organisation enters an address, which nobody checks, and deletes the person again."""
    elsewhere = build_team()
    if known:
        other = User.objects.create_user(NEW, None)
        Membership.objects.create(organization=elsewhere.organization, user=other)
        LogEntry.objects.log_actions(story.owner.pk, [other], CHANGE, [{"changed": {"object": NEW}}])
        invited = build_team().actor(Role.OWNER)
    else:
        invited = elsewhere.actor(Role.OWNER)
    invitation = services.invite_member(actor=invited, email=NEW, role=Role.MEMBER)
    plan_mail()
    kept = SessionStore()
    kept["message"] = f"The user “{NEW}” was changed."
    kept.save()
    before = rows_with(NEW)
    if way == "discard":
        change = services.request_user_change(
            actor=story.actor, reference="user-8", action=UserChange.Action.CREATE, email=NEW, name="Ann"
        )
        assert services.create_user(change_id=change.pk)
        services.discard_user(change_id=change.pk)
        services.close_user_change(change_id=change.pk, code="identity.email_taken")
    elif way == "delete":
        story.ask(UserChange.Action.DELETE)
        story.ask(UserChange.Action.CREATE, email=NEW, name="Ann")
        story.ask(UserChange.Action.DELETE)
    else:
        story.show(OLD)
        story.ask(UserChange.Action.UPDATE, email=NEW, name="Ann")
        story.ask(UserChange.Action.DELETE)
    assert rows_with(NEW) == before
    invitation.refresh_from_db()
    assert (invitation.state, invitation.email) == (Invitation.State.OPEN, NEW)
    assert Delivery.objects.filter(address=NEW, state=Delivery.State.WAITING).exists()


def told() -> dict[str, str]:
    """Send all mail; return what was written about changed addresses, by address."""
    sent = [message for message in send_mail() if message.subject.startswith("The e-mail address of")]
    return {to: str(message.body) for message in sent for to in message.to}


def test_an_update_by_another_system_tells_the_address_before(story: Story) -> None:
    story.ask(UserChange.Action.UPDATE, email=NEW, name="Ann Hara")
    message = OutboxMessage.objects.get(topic="identity.address_changed")
    # The process itself writes to the new one.
    found = told()
    assert list(found) == [OLD.lower()]
    assert NEW not in found[OLD.lower()]
    assert "@" not in json.dumps(message.payload)


def test_a_change_in_the_admin_tells_both_addresses(story: Story) -> None:
    root = User.objects.create_superuser("root@example.com", None)
    client = Client()
    log_in(client, root)
    url = f"/admin/identity/user/{story.person.pk}/change/"
    assert client.post(url, filled(client.get(url), email=NEW.upper())).status_code == 302
    assert set(told()) == {OLD.lower(), NEW}
    change = AddressChange.objects.get()
    trail = AuditEvent.objects.get(action="identity.address_changed")
    assert (trail.actor_id, trail.subject_id) == (root.pk, str(story.person.pk))
    assert (change.before, change.after) == (OLD.lower(), NEW)
    # The same address in another case is no other one.
    assert client.post(url, filled(client.get(url), email=NEW.upper(), name="Anna")).status_code == 302
    assert OutboxMessage.objects.filter(topic="identity.address_changed").count() == 1


def test_a_told_address_that_was_erased_meanwhile_gets_no_mail(story: Story) -> None:
    story.ask(UserChange.Action.UPDATE, email=NEW, name="Ann Hara")
    story.ask(UserChange.Action.DELETE)
    assert told() == {}
    assert not Delivery.objects.filter(kind=ADDRESS_CHANGED).exclude(address="").exists()
