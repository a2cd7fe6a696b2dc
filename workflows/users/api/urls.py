"""Addresses below /api/v1/, served where the domain is enabled."""

from django.urls import path

from workflows.users.api import views

_ONE = "workflows/user/<slug:workflow_id>"

urlpatterns = [
    path("workflows/user", views.ChangeListView.as_view(), name="user-change-list"),
    path(_ONE, views.ChangeView.as_view(), name="user-change-detail"),
    path(f"{_ONE}/result", views.ResultView.as_view(), name="user-change-result"),
    path(f"{_ONE}/cancel", views.CancelView.as_view(), name="user-change-cancel"),
]
