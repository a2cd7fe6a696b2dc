"""Addresses below /api/v1/."""

from django.urls import path

from holo.apiauth.api import codes, views

urlpatterns = [
    path("whoami", views.WhoAmIView.as_view(), name="whoami"),
    path("tokens", codes.ExchangeView.as_view(), name="token-exchange"),
    path("authorization-codes", codes.CodeListView.as_view(), name="authorization-code-list"),
    path("tokens/public", views.PublicTokenView.as_view(), name="public-token"),
    path("tokens/personal", views.PersonalTokenListView.as_view(), name="personal-token-list"),
    path("tokens/personal/<id:token_id>", views.PersonalTokenView.as_view(), name="personal-token-detail"),
    path("tokens/organization", views.OrganizationTokenListView.as_view(), name="organization-token-list"),
    path(
        "tokens/organization/<id:token_id>",
        views.OrganizationTokenView.as_view(),
        name="organization-token-detail",
    ),
]
