"""The endpoints of an organisation: parse, authorise, one service, render."""

from typing import ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from holo.apiauth.scopes import ORGANIZATION_READ, ORGANIZATION_WRITE
from holo.apiauth.views import ApiView
from holo.common.api.filters import Filters, choice_filter, text_filter
from holo.common.api.preconditions import check_of, tag_by
from holo.identity import selectors, services
from holo.identity.api import answers, requests
from holo.identity.models import Environment, Invitation
from holo.identity.roles import Role

_member_tag = tag_by(answers.render_member)
_project_tag = tag_by(answers.render_project)


class MemberListView(ApiView):
    """Who belongs to the organisation."""

    required_scopes = {"GET": ORGANIZATION_READ}
    filters: ClassVar[Filters] = {
        "role": choice_filter("role", Role.values),
        "email": text_filter("user__email__address", max_length=254),
    }
    ordering = ("id",)

    @extend_schema(responses=answers.MemberAnswer(many=True), summary="List the members, oldest first")
    def get(self, request: Request) -> HttpResponse:
        """Return a page of the organisation's members."""
        return self.page(selectors.list_members(self.actor.organization_id), answers.render_member)


class MemberView(ApiView):
    """One member."""

    required_scopes = {
        "GET": ORGANIZATION_READ,
        "PATCH": ORGANIZATION_WRITE,
        "DELETE": ORGANIZATION_WRITE,
    }
    tagged = True
    if_match = frozenset({"PATCH", "DELETE"})
    step_up = frozenset({"PATCH", "DELETE"})

    @extend_schema(responses=answers.MemberAnswer, summary="See a member")
    def get(self, request: Request, user_id: UUID) -> HttpResponse:
        """Return one member."""
        return self.answer(answers.render_member(selectors.get_member(self.actor.organization_id, user_id)))

    @extend_schema(
        request=requests.ChangeRoleRequest,
        responses=answers.MemberAnswer,
        summary="Give a member another role",
    )
    def patch(self, request: Request, user_id: UUID) -> HttpResponse:
        """Change the role; nobody gives or takes one that they lack."""
        role = Role(self.valid(requests.ChangeRoleRequest)["role"])
        check = check_of(request, _member_tag)
        return self.run_command(
            lambda key: services.change_member_role(
                actor=self.actor, user_id=user_id, role=role, check=check, request_key=key
            ),
            render=answers.render_member,
            status=200,
            headers=lambda member: {"ETag": _member_tag(member)},
        )

    @extend_schema(request=None, responses=answers.MemberAnswer, summary="End a membership")
    def delete(self, request: Request, user_id: UUID) -> HttpResponse:
        """End the membership and answer with what it was; everybody may leave."""
        check = check_of(request, _member_tag)
        return self.run_command(
            lambda key: services.remove_member(
                actor=self.actor, user_id=user_id, check=check, request_key=key
            ),
            render=answers.render_member,
            status=200,
        )


class InvitationListView(ApiView):
    """Who is asked into the organisation."""

    required_scopes = {"GET": ORGANIZATION_READ, "POST": ORGANIZATION_WRITE}
    step_up = frozenset({"POST"})
    filters: ClassVar[Filters] = {"state": choice_filter("state", Invitation.State.values)}
    ordering = ("-id",)

    @extend_schema(
        responses=answers.InvitationAnswer(many=True), summary="List the invitations, newest first"
    )
    def get(self, request: Request) -> HttpResponse:
        """Return a page of the organisation's invitations."""
        return self.page(selectors.list_invitations(self.actor.organization_id), answers.render_invitation)

    @extend_schema(
        request=requests.InviteRequest,
        responses={201: answers.InvitationAnswer},
        summary="Invite somebody by mail",
    )
    def post(self, request: Request) -> HttpResponse:
        """Mail a link that works for seven days; an open invitation to the same address is replaced."""
        wanted = self.valid(requests.InviteRequest)
        return self.run_command(
            lambda key: services.invite_member(
                actor=self.actor, email=wanted["email"], role=Role(wanted["role"]), request_key=key
            ),
            render=answers.render_invitation,
            status=201,
        )


class InvitationView(ApiView):
    """One invitation."""

    required_scopes = {"DELETE": ORGANIZATION_WRITE}

    @extend_schema(request=None, responses=answers.InvitationAnswer, summary="Revoke an invitation")
    def delete(self, request: Request, invitation_id: UUID) -> HttpResponse:
        """End the invitation; one that has ended stays as it is."""
        return self.run_command(
            lambda key: services.revoke_invitation(
                actor=self.actor, invitation_id=invitation_id, request_key=key
            ),
            render=answers.render_invitation,
            status=200,
        )


class ProjectListView(ApiView):
    """The organisation's projects."""

    required_scopes = {"GET": ORGANIZATION_READ, "POST": ORGANIZATION_WRITE}
    ordering = ("slug",)

    @extend_schema(responses=answers.ProjectAnswer(many=True), summary="List the projects, by short name")
    def get(self, request: Request) -> HttpResponse:
        """Return a page of the organisation's projects."""
        return self.page(selectors.list_projects(self.actor.organization_id), answers.render_project)

    @extend_schema(
        request=requests.CreateProjectRequest,
        responses={201: answers.ProjectAnswer},
        summary="Add a project",
    )
    def post(self, request: Request) -> HttpResponse:
        """Add a project with its production, staging and development environments."""
        wanted = self.valid(requests.CreateProjectRequest)
        return self.run_command(
            lambda key: services.create_project(actor=self.actor, request_key=key, **wanted),
            render=answers.render_project,
            status=201,
            headers=lambda project: {
                "Location": f"/api/v1/projects/{project.slug}",
                "ETag": _project_tag(project),
            },
        )


class ProjectView(ApiView):
    """One project."""

    required_scopes = {"GET": ORGANIZATION_READ, "PATCH": ORGANIZATION_WRITE}
    tagged = True
    if_match = frozenset({"PATCH"})

    @extend_schema(responses=answers.ProjectAnswer, summary="See a project")
    def get(self, request: Request, project: str) -> HttpResponse:
        """Return one project with its environments."""
        return self.answer(answers.render_project(selectors.get_project(self.actor.organization_id, project)))

    @extend_schema(
        request=requests.RenameProjectRequest, responses=answers.ProjectAnswer, summary="Rename a project"
    )
    def patch(self, request: Request, project: str) -> HttpResponse:
        """Give the project another name; the short name stays."""
        wanted = self.valid(requests.RenameProjectRequest)
        check = check_of(request, _project_tag)
        return self.run_command(
            lambda key: services.rename_project(
                actor=self.actor, slug=project, check=check, request_key=key, **wanted
            ),
            render=answers.render_project,
            status=200,
            headers=lambda renamed: {"ETag": _project_tag(renamed)},
        )


class EnvironmentListView(ApiView):
    """Where a project runs."""

    required_scopes = {"GET": ORGANIZATION_READ, "POST": ORGANIZATION_WRITE}
    filters: ClassVar[Filters] = {"kind": choice_filter("kind", Environment.Kind.values)}
    ordering = ("slug",)

    @extend_schema(
        responses=answers.EnvironmentAnswer(many=True), summary="List a project's environments, by short name"
    )
    def get(self, request: Request, project: str) -> HttpResponse:
        """Return a page of the project's environments."""
        rows = selectors.list_environments(self.actor.organization_id, project)
        return self.page(rows, answers.render_environment)

    @extend_schema(
        request=requests.CreateEnvironmentRequest,
        responses={201: answers.EnvironmentAnswer},
        summary="Add an environment to a project",
    )
    def post(self, request: Request, project: str) -> HttpResponse:
        """Add an environment; its short name is unique in the project."""
        wanted = self.valid(requests.CreateEnvironmentRequest)
        kind = Environment.Kind(wanted["kind"])
        return self.run_command(
            lambda key: services.create_environment(
                actor=self.actor, project_slug=project, slug=wanted["slug"], kind=kind, request_key=key
            ),
            render=answers.render_environment,
            status=201,
        )
