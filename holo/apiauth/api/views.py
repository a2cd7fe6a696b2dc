"""The endpoints of credentials: parse, authorise, one service, render."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from holo.apiauth import selectors, services
from holo.apiauth.api import answers, requests
from holo.apiauth.api.whoami import render_caller
from holo.apiauth.models import ApiKey
from holo.apiauth.permissions import grant_of
from holo.apiauth.scopes import ANY_CALLER, TOKENS_PUBLIC, TOKENS_READ, TOKENS_WRITE
from holo.apiauth.views import ApiView
from holo.identity.models import User


class WhoAmIView(ApiView):
    """Who calls."""

    required_scopes = {"GET": ANY_CALLER}
    by_public_tokens = True

    @extend_schema(responses=answers.WhoAmIAnswer, summary="See who you are, and what you may do")
    def get(self, request: Request) -> HttpResponse:
        """Return the caller, organisation, role, environment and scopes, whatever the credential."""
        user = request.user if isinstance(request.user, User) else None
        return self.answer(render_caller(self.actor, grant_of(request), user))


class _TokensView(ApiView):
    """What the two kinds of tokens have in common."""

    kind = ApiKey.Kind.PERSONAL
    ordering = ("-created_at", "id")

    def make(self) -> HttpResponse:
        """Make a token of this kind."""
        wanted: dict[str, Any] = self.valid(requests.CreateTokenRequest)
        actor = self.actor
        return self.run_command(
            lambda key: services.create_api_key(
                actor=actor,
                kind=self.kind,
                owner_id=actor.user_id if self.kind == ApiKey.Kind.PERSONAL else None,
                organization_id=actor.organization_id,
                name=wanted["name"],
                scopes=wanted["scopes"],
                expires_in=timedelta(days=wanted["expires_in_days"]),
                networks=wanted.get("networks", ()),
                request_key=key,
            ),
            render=answers.render_new_token,
            shown_once=answers.show_token,
            status=201,
        )


class PersonalTokenListView(_TokensView):
    """One's own personal tokens."""

    required_scopes = {"GET": TOKENS_READ, "POST": TOKENS_WRITE}
    step_up = frozenset({"POST"})
    sensitive = frozenset({"POST"})

    @extend_schema(responses=answers.TokenAnswer(many=True), summary="List your personal tokens")
    def get(self, request: Request) -> HttpResponse:
        """Return a page of one's own personal tokens in the organisation, those that have ended too."""
        return self.page(selectors.list_personal_tokens(self.actor), answers.render_token)

    @extend_schema(
        request=requests.CreateTokenRequest,
        responses={201: answers.NewTokenAnswer},
        summary="Make a personal token",
    )
    def post(self, request: Request) -> HttpResponse:
        """Make a token that acts for you in this organisation; its text is shown this once."""
        return self.make()


class OrganizationTokenListView(_TokensView):
    """The organisation's tokens."""

    kind = ApiKey.Kind.ORGANIZATION
    required_scopes = {"GET": TOKENS_READ, "POST": TOKENS_WRITE}
    step_up = frozenset({"POST"})
    sensitive = frozenset({"POST"})

    @extend_schema(responses=answers.TokenAnswer(many=True), summary="List the organisation's tokens")
    def get(self, request: Request) -> HttpResponse:
        """Return a page of the organisation's tokens, those that have ended too."""
        return self.page(selectors.list_organization_tokens(self.actor), answers.render_token)

    @extend_schema(
        request=requests.CreateTokenRequest,
        responses={201: answers.NewTokenAnswer},
        summary="Make a token of the organisation",
    )
    def post(self, request: Request) -> HttpResponse:
        """Make a token that acts for no person; owners and admins may. Its text is shown this once."""
        return self.make()


class _TokenView(ApiView):
    """One token."""

    kind = ApiKey.Kind.PERSONAL

    def end(self, token_id: UUID) -> HttpResponse:
        """Revoke the token."""
        return self.run_command(
            lambda key: services.revoke_token(
                actor=self.actor, kind=self.kind, key_id=token_id, request_key=key
            ),
            render=answers.render_token,
            status=200,
        )


class PersonalTokenView(_TokenView):
    """One of one's own personal tokens."""

    required_scopes = {"DELETE": TOKENS_WRITE}
    step_up = frozenset({"DELETE"})

    @extend_schema(responses=answers.TokenAnswer, summary="Revoke a personal token")
    def delete(self, request: Request, token_id: UUID) -> HttpResponse:
        """End the token at once, and what was made with it."""
        return self.end(token_id)


class OrganizationTokenView(_TokenView):
    """One token of the organisation."""

    kind = ApiKey.Kind.ORGANIZATION
    required_scopes = {"DELETE": TOKENS_WRITE}
    step_up = frozenset({"DELETE"})

    @extend_schema(responses=answers.TokenAnswer, summary="Revoke a token of the organisation")
    def delete(self, request: Request, token_id: UUID) -> HttpResponse:
        """End the token at once; owners and admins may."""
        return self.end(token_id)


class PublicTokenView(ApiView):
    """Tokens that a key signs."""

    required_scopes = {"POST": TOKENS_PUBLIC}

    @extend_schema(
        request=requests.PublicTokenRequest,
        responses={201: answers.PublicTokenAnswer},
        summary="Sign a public token",
    )
    def post(self, request: Request) -> HttpResponse:
        """Sign a short-lived JWT for the environment of the calling key, with no more than its scopes."""
        wanted = self.valid(requests.PublicTokenRequest)
        return self.run_command(
            lambda key: services.sign_public_token(
                actor=self.actor,
                scopes=wanted.get("scopes"),
                expires_in=timedelta(seconds=wanted["expires_in_seconds"]),
                one_time=wanted["one_time"],
                buyer=wanted.get("buyer", ""),
                request_key=key,
            ),
            render=answers.render_public_token,
            shown_once=answers.show_token,
            status=201,
        )
