"""What the endpoints of integrations answer with."""

from typing import Any

from rest_framework import serializers

from holo.apivote.models import Integration


class IntegrationAnswer(serializers.Serializer[Any]):
    """An integration with its votes."""

    identifier = serializers.CharField()
    name = serializers.CharField()
    category = serializers.ChoiceField(choices=Integration.Category.values)
    home_page = serializers.URLField()
    votes = serializers.IntegerField(help_text="How many people, of all organisations, wish for it.")
    voted = serializers.BooleanField(help_text="Whether the caller is one of them.")


def render_integration(integration: Integration) -> dict[str, object]:
    """Return an integration, with its votes at hand, as it is answered with."""
    return {
        "identifier": integration.identifier,
        "name": integration.name,
        "category": integration.category,
        "home_page": integration.home_page,
        "votes": integration.vote_count,  # type: ignore[attr-defined]
        "voted": integration.voted,  # type: ignore[attr-defined]
    }
