"""What clients send to the endpoints of changes of users."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, ValidationError

from holo.common.api.fields import ChoiceField, DisplayNameField, EmailField, IdentifierField
from holo.common.api.serializers import StrictSerializer, names_of
from holo.identity.models import UserChange
from holo.identity.services.user_changes import LONGEST_NAME, LONGEST_REFERENCE, SHORTEST_NAME
from workflows.users.api import answers


class UserChangeRequest(StrictSerializer):
    """A user to create, update or delete."""

    read_only_names = names_of(answers.ChangeAnswer) - {"user_id", "action"}
    user_id = IdentifierField(
        max_length=LONGEST_REFERENCE, help_text="What you call the user, unique in the organisation."
    )
    action = ChoiceField(choices=UserChange.Action.values)
    email = EmailField(max_length=254, required=False, help_text="Needed for create and update.")
    name = DisplayNameField(
        min_length=SHORTEST_NAME,
        max_length=LONGEST_NAME,
        required=False,
        help_text="Needed for create and update.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for address and name where a person is to have them."""
        if attrs["action"] != UserChange.Action.DELETE:
            needed = ErrorDetail(_("This field is required."), code="required")
            missing = {name: [needed] for name in ("email", "name") if not attrs.get(name)}
            if missing:
                raise ValidationError(missing)
        return attrs


class EmptyRequest(StrictSerializer):
    """No fields: the address says it all."""

    read_only_names = names_of(answers.ChangeAnswer)
