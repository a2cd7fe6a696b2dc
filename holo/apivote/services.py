"""The commands of this package: vote, and take the vote back."""

from django.db import connection

from holo.apivote.models import ApiIntegrationVote, Integration
from holo.apivote.selectors import get_integration
from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.common.ids import uuid7
from holo.idempotency.commands import RequestKey, command

# Of votes at the same instant the unique index lets one in; the others wait for it and insert nothing.
_VOTE = """
INSERT INTO apivote_apiintegrationvote (id, integration_id, user_id, created_at)
VALUES (%s, %s, %s, clock_timestamp()) ON CONFLICT (integration_id, user_id) DO NOTHING
"""


@command
def vote_for_integration(
    *, actor: Actor, identifier: str, request_key: RequestKey | None = None
) -> Integration:
    """Give the acting person's vote; return the integration as `get_integration` does.

    Idempotent by nature: who has voted changes nothing. Takes no locks. Raises NotFoundError.
    """
    integration = get_integration(identifier, actor.person)
    with connection.cursor() as cursor:
        cursor.execute(_VOTE, [uuid7(), integration.pk, actor.person])
        is_new = cursor.rowcount == 1
    if is_new:
        _record(actor, "apivote.voted", integration)
    return get_integration(identifier, actor.person)


@command
def withdraw_vote(*, actor: Actor, identifier: str, request_key: RequestKey | None = None) -> Integration:
    """Take the acting person's vote back; return the integration as `get_integration` does.

    Idempotent by nature: who has no vote changes nothing. Takes no locks. Raises NotFoundError.
    """
    integration = get_integration(identifier, actor.person)
    gone, _by_model = ApiIntegrationVote.objects.filter(
        integration=integration, user_id=actor.person
    ).delete()
    if gone:
        _record(actor, "apivote.vote_withdrawn", integration)
    return get_integration(identifier, actor.person)


def _record(actor: Actor, action: str, integration: Integration) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject_type="apivote.integration",
        subject_id=integration.pk,
        data={"identifier": integration.identifier},
    )
