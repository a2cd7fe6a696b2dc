"""What clients send to the endpoints of an organisation."""

from holo.common.api.fields import ChoiceField, DisplayNameField, EmailField, IdentifierField
from holo.common.api.serializers import StrictSerializer, names_of
from holo.identity.api import answers
from holo.identity.models import SHORT_NAME_LENGTH, Environment
from holo.identity.roles import Role

_MAX_NAME = 200


class CreateProjectRequest(StrictSerializer):
    """A new project."""

    read_only_names = names_of(answers.ProjectAnswer)
    slug = IdentifierField(
        max_length=SHORT_NAME_LENGTH, help_text="Lower-case letters and digits, single hyphens between."
    )
    name = DisplayNameField(max_length=_MAX_NAME)


class RenameProjectRequest(StrictSerializer):
    """Another name for a project."""

    read_only_names = names_of(answers.ProjectAnswer)
    name = DisplayNameField(max_length=_MAX_NAME)


class CreateEnvironmentRequest(StrictSerializer):
    """A new environment of a project."""

    read_only_names = names_of(answers.EnvironmentAnswer)
    slug = IdentifierField(
        max_length=SHORT_NAME_LENGTH, help_text="Lower-case letters and digits, single hyphens between."
    )
    kind = ChoiceField(choices=Environment.Kind.values)


class ChangeRoleRequest(StrictSerializer):
    """Another role for a member."""

    read_only_names = names_of(answers.MemberAnswer)
    role = ChoiceField(choices=Role.values)


class InviteRequest(StrictSerializer):
    """Who is asked into the organisation, and as what."""

    read_only_names = names_of(answers.InvitationAnswer)
    email = EmailField(max_length=254)
    role = ChoiceField(choices=Role.values)
