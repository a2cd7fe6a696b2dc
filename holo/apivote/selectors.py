"""Reads of integrations, with how many people wish for each."""

from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from holo.apivote.models import ApiIntegrationVote, Integration
from holo.common.errors import NotFoundError

# Whoever was deactivated is counted no longer, and is counted again when they come back.
_COUNTED = Q(votes__user__is_active=True)


def count_votes(integrations: QuerySet[Integration]) -> QuerySet[Integration]:
    """Add `vote_count`, the number of active people who voted, to each row."""
    return integrations.annotate(vote_count=Count("votes", filter=_COUNTED))


def list_integrations(user_id: UUID) -> QuerySet[Integration]:
    """Return what is listed, each with `vote_count` and whether this person has `voted`."""
    own = ApiIntegrationVote.objects.filter(integration=OuterRef("pk"), user_id=user_id)
    return count_votes(Integration.objects.filter(listed=True)).annotate(voted=Exists(own))


def get_integration(identifier: str, user_id: UUID) -> Integration:
    """Return one that is listed, as `list_integrations` does. Raises NotFoundError."""
    integration = list_integrations(user_id).filter(identifier=identifier).first()
    if integration is None:
        raise NotFoundError(_("there is no such integration"))
    return integration
