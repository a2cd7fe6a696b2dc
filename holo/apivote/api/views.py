"""The endpoints of integrations: parse, authorise, one service, render."""

from typing import ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from holo.apiauth.scopes import INTEGRATIONS_READ, INTEGRATIONS_VOTE
from holo.apiauth.views import ApiView
from holo.apivote import selectors, services
from holo.apivote.api import answers, requests
from holo.apivote.models import Integration
from holo.common.api.filters import Filters, boolean_filter, choice_filter, text_filter


class IntegrationListView(ApiView):
    """What people may wish for."""

    required_scopes = {"GET": INTEGRATIONS_READ}
    by_public_tokens = True
    filters: ClassVar[Filters] = {
        "category": choice_filter("category", Integration.Category.values),
        "voted": boolean_filter("voted", description="Whether the caller has voted."),
        "name": text_filter("name__icontains", max_length=100, description="A part of the name."),
    }
    ordering = ("identifier",)

    @extend_schema(
        responses=answers.IntegrationAnswer(many=True), summary="List the integrations, by identifier"
    )
    def get(self, request: Request) -> HttpResponse:
        """Return a page of the catalogue, with votes."""
        return self.page(selectors.list_integrations(self.actor.person), answers.render_integration)


class IntegrationView(ApiView):
    """One integration."""

    required_scopes = {"GET": INTEGRATIONS_READ}
    by_public_tokens = True
    tagged = True

    @extend_schema(responses=answers.IntegrationAnswer, summary="See an integration")
    def get(self, request: Request, identifier: str) -> HttpResponse:
        """Return one integration with its votes."""
        found = selectors.get_integration(identifier, self.actor.person)
        return self.answer(answers.render_integration(found))


class VoteView(ApiView):
    """The caller's vote for an integration."""

    required_scopes = {"POST": INTEGRATIONS_VOTE, "DELETE": INTEGRATIONS_VOTE}

    @extend_schema(
        request=requests.EmptyRequest, responses=answers.IntegrationAnswer, summary="Vote for an integration"
    )
    def post(self, request: Request, identifier: str) -> HttpResponse:
        """Give the vote of the person behind the key; a second time changes nothing."""
        self.valid(requests.EmptyRequest)
        return self.run_command(
            lambda key: services.vote_for_integration(
                actor=self.actor, identifier=identifier, request_key=key
            ),
            render=answers.render_integration,
            status=200,
        )

    @extend_schema(request=None, responses=answers.IntegrationAnswer, summary="Take a vote back")
    def delete(self, request: Request, identifier: str) -> HttpResponse:
        """Take the vote back; without one nothing changes."""
        return self.run_command(
            lambda key: services.withdraw_vote(actor=self.actor, identifier=identifier, request_key=key),
            render=answers.render_integration,
            status=200,
        )
