"""Outbox topics of the app."""

from holo.apiauth.models import ApiKey
from holo.common.actor import Actor
from holo.outbox.operations import enqueue

KEY_CREATED = "apiauth.key_created"
KEY_REVOKED = "apiauth.key_revoked"


def announce_key(topic: str, key: ApiKey, actor: Actor) -> None:
    """Enqueue a message about a credential and who made or ended it; it carries ids only."""
    enqueue(
        topic=topic,
        key=f"api-key-{key.pk}",
        organization_id=key.organization_id,
        payload={"key_id": str(key.pk), "actor_id": str(actor.user_id) if actor.user_id else None},
    )
