"""Dead letters sent again, delivered messages purged, and what the admin offers."""

from datetime import timedelta
from uuid import UUID

from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from holo.audit.models import AuditEvent
from holo.common.actor import OrganizationId, system_actor
from holo.identity.models import Organization, User
from holo.outbox.errors import PermanentDeliveryError
from holo.outbox.models import OutboxMessage
from holo.outbox.selectors import count_dead_letters, list_undelivered
from holo.outbox.services import retry_dead_letters
from holo.outbox.tasks import purge_delivered_messages
from tests.logins import log_in
from tests.outbox.conftest import ORGANIZATION, Recorder, RunRelay, plant
from tests.outbox.test_relay import _until
from tests.planting import plant as age

ACTOR = system_actor(OrganizationId(ORGANIZATION))


def _dead(*, key: str = "k") -> int:
    number = plant(key=key)
    OutboxMessage.objects.filter(pk=number).update(dead_at=Now(), attempts=10, last_error="x")
    return number


def test_retried_dead_letter_is_delivered_and_its_key_follows(run_relay: RunRelay) -> None:
    sick = True

    def effect(message: object) -> None:
        if sick:
            raise PermanentDeliveryError("sick")

    recorder = Recorder(effect)
    numbers = [plant(), plant()]
    run_relay({"t.happened": recorder})
    _until(lambda: count_dead_letters() == 1)
    sick = False
    assert retry_dead_letters(actor=ACTOR, message_ids=numbers) == 1
    assert [message.id for message in recorder.wait_for(2)] == numbers
    event = AuditEvent.objects.get(action="outbox.dead_letter_retried")
    assert (event.subject_id, event.data) == (str(numbers[0]), {"topic": "t.happened", "key": "k"})


def test_retry_passes_over_what_is_no_dead_letter_or_belongs_to_others(fresh_database: str) -> None:
    waiting, dead = plant(key="a"), _dead(key="b")
    stranger = system_actor(OrganizationId(UUID(int=7)))
    assert retry_dead_letters(actor=stranger, message_ids=[waiting, dead]) == 0
    assert OutboxMessage.objects.get(pk=dead).dead_at is not None
    assert retry_dead_letters(actor=ACTOR, message_ids=[waiting]) == 0
    assert AuditEvent.objects.count() == 0
    assert retry_dead_letters(actor=ACTOR, message_ids=[waiting, dead]) == 1
    assert retry_dead_letters(actor=ACTOR, message_ids=[waiting, dead]) == 0
    assert OutboxMessage.objects.get(pk=dead).attempts == 0


def test_purge_removes_only_what_was_delivered_a_week_ago(fresh_database: str) -> None:
    old, recent, waiting, dead = plant(key="a"), plant(key="b"), plant(key="c"), _dead(key="d")
    OutboxMessage.objects.filter(pk=old).update(delivered_at=Now() - timedelta(days=8))
    OutboxMessage.objects.filter(pk=recent).update(delivered_at=Now() - timedelta(days=6))
    age(OutboxMessage.objects.all(), created_at=Now() - timedelta(days=30))
    assert purge_delivered_messages() == 1
    assert set(OutboxMessage.objects.values_list("pk", flat=True)) == {recent, waiting, dead}


def test_undelivered_messages_are_listed_in_order_of_delivery(fresh_database: str) -> None:
    first, second = plant(key="a"), _dead(key="a")
    plant(key="b")
    assert [message.pk for message in list_undelivered(keys=["a"])] == [first, second]


def test_admin_offers_retry_alone_and_asks_first(fresh_database: str) -> None:
    waiting, dead = plant(key="a"), _dead()
    user = User.objects.create_superuser("admin@example.com", "correct horse battery")
    Organization.objects.create(pk=ACTOR.organization_id, slug="of-the-messages", name="Theirs")
    client = Client()
    log_in(client, user)
    listed = reverse("admin:outbox_outboxmessage_changelist")
    for name in ("add", "change", "delete"):
        args = [] if name == "add" else [dead]
        assert client.post(reverse(f"admin:outbox_outboxmessage_{name}", args=args)).status_code == 403
    chosen = [str(waiting), str(dead)]
    page = client.post(listed, {"action": "retry", "_selected_action": chosen})
    assert (page.context["open_count"], len(page.context["items"])) == (1, 2)
    assert OutboxMessage.objects.get(pk=dead).dead_at is not None
    items = {"item": [f"{number}:" for number in chosen]}
    done = client.post(reverse("admin:outbox_outboxmessage_retry_run"), items, follow=True)
    assert (done.context["applied"], OutboxMessage.objects.get(pk=dead).dead_at) == (2, None)
    assert AuditEvent.objects.get(action="outbox.dead_letter_retried").actor_id == user.pk
