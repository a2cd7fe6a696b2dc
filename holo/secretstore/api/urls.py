"""Addresses below /api/v1/."""

from django.urls import path

from holo.secretstore.api import views

_ENVIRONMENT = "projects/<slug:project>/environments/<slug:environment>"

urlpatterns = [
    path(f"{_ENVIRONMENT}/variables", views.VariableListView.as_view(), name="variable-list"),
    path(f"{_ENVIRONMENT}/import", views.ImportView.as_view(), name="variable-import"),
    path(f"{_ENVIRONMENT}/variables/<slug:name>", views.VariableView.as_view(), name="variable-detail"),
]
