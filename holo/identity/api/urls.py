"""Addresses below /api/v1/."""

from django.urls import path

from holo.identity.api import views

urlpatterns = [
    path("members", views.MemberListView.as_view(), name="member-list"),
    path("members/<id:user_id>", views.MemberView.as_view(), name="member-detail"),
    path("invitations", views.InvitationListView.as_view(), name="invitation-list"),
    path("invitations/<id:invitation_id>", views.InvitationView.as_view(), name="invitation-detail"),
    path("projects", views.ProjectListView.as_view(), name="project-list"),
    path("projects/<slug:project>", views.ProjectView.as_view(), name="project-detail"),
    path(
        "projects/<slug:project>/environments", views.EnvironmentListView.as_view(), name="environment-list"
    ),
]
