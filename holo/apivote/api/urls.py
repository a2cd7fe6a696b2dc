"""Addresses below /api/v1/."""

from django.urls import path

from holo.apivote.api import views

urlpatterns = [
    path("integrations", views.IntegrationListView.as_view(), name="integration-list"),
    path("integrations/<slug:identifier>", views.IntegrationView.as_view(), name="integration-detail"),
    path("integrations/<slug:identifier>/vote", views.VoteView.as_view(), name="integration-vote"),
]
