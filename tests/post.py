"""Does with mail what the relay and Celery do: plans it from messages, makes every attempt that is due."""

from django.core import mail
from django.core.mail import EmailMessage

from holo.deliveries.kinds import list_kinds
from holo.deliveries.models import Delivery
from holo.deliveries.sending import attempt_next
from holo.deliveries.services import plan_deliveries
from holo.outbox.delivery import Delivery as Message
from holo.outbox.models import OutboxMessage


def plan_mail() -> int:
    """Plan the mail of every message there is, however often that was done; return how many deliveries."""
    topics = [kind.name for kind in list_kinds() if kind.recipients is not None]
    for row in OutboxMessage.objects.filter(topic__in=topics).order_by("id"):
        plan_deliveries(
            message=Message(
                id=row.pk,
                topic=row.topic,
                key=row.key,
                payload=row.payload,
                organization_id=row.organization_id,
                request_id=row.request_id,
            )
        )
    return Delivery.objects.count()


def send_due() -> int:
    """Make every attempt that is due; return how many there were."""
    attempts = 0
    while attempt_next():
        attempts += 1
    return attempts


def send_mail() -> list[EmailMessage]:
    """Plan and send all mail; return what was sent, which is empty where the server is a real one."""
    before = len(mail.outbox)
    plan_mail()
    send_due()
    return mail.outbox[before:]
