"""What the endpoints of an organisation answer with."""

from typing import Any

from rest_framework import serializers

from holo.identity.models import Environment, Invitation, Membership, Project
from holo.identity.roles import Role


class EnvironmentAnswer(serializers.Serializer[Any]):
    """Where a project runs."""

    id = serializers.UUIDField()
    slug = serializers.CharField(help_text="Unique in the project.")
    kind = serializers.ChoiceField(choices=Environment.Kind.values)
    created_at = serializers.DateTimeField()


class ProjectAnswer(serializers.Serializer[Any]):
    """A project with its environments."""

    id = serializers.UUIDField()
    slug = serializers.CharField(help_text="Unique in the organisation.")
    name = serializers.CharField()
    environments = EnvironmentAnswer(many=True)
    created_at = serializers.DateTimeField()


class MemberAnswer(serializers.Serializer[Any]):
    """A person who belongs to the organisation."""

    user_id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()
    active = serializers.BooleanField(help_text="False for one who may not log in any more.")
    role = serializers.ChoiceField(choices=Role.values)
    joined_at = serializers.DateTimeField()


class InvitationAnswer(serializers.Serializer[Any]):
    """That somebody is asked into the organisation; the link is mailed and nowhere shown."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.values)
    state = serializers.ChoiceField(choices=Invitation.State.values)
    invited_by = serializers.UUIDField(allow_null=True, help_text="User id; null for the system.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="An open invitation works until then.")
    ended_at = serializers.DateTimeField(allow_null=True)


def render_environment(environment: Environment) -> dict[str, object]:
    """Return an environment as it is answered with."""
    return {
        "id": str(environment.pk),
        "slug": environment.slug,
        "kind": environment.kind,
        "created_at": environment.created_at,
    }


def render_project(project: Project) -> dict[str, object]:
    """Return a project, with its environments at hand, as it is answered with."""
    return {
        "id": str(project.pk),
        "slug": project.slug,
        "name": project.name,
        "environments": [render_environment(environment) for environment in project.environments.all()],
        "created_at": project.created_at,
    }


def render_member(member: Membership) -> dict[str, object]:
    """Return a member, with the person at hand, as it is answered with."""
    return {
        "user_id": str(member.user_id),
        "email": member.user.email,
        "name": member.user.name,
        "active": member.user.is_active,
        "role": member.role,
        "joined_at": member.created_at,
    }


def render_invitation(invitation: Invitation) -> dict[str, object]:
    """Return an invitation as it is answered with."""
    return {
        "id": str(invitation.pk),
        "email": invitation.email,
        "role": invitation.role,
        "state": invitation.state,
        "invited_by": str(invitation.invited_by_id) if invitation.invited_by_id else None,
        "created_at": invitation.created_at,
        "expires_at": invitation.expires_at,
        "ended_at": invitation.ended_at,
    }
