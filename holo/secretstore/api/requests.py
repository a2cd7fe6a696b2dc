"""What clients send to the endpoints of variables."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from holo.common.api.errors import InvalidTextError
from holo.common.api.fields import BooleanField, ExactTextField, IdentifierField, refuse
from holo.common.api.serializers import StrictSerializer
from holo.secretstore.dotenv import NAME, DotenvError, parse_dotenv

MAX_VALUE = 32_768
MAX_IMPORT = 65_536
MAX_VARIABLES = 200


class NameField(IdentifierField):
    """The name of a variable."""

    def to_internal_value(self, data: Any) -> str:
        """Return the name. One that is too long is left to the length's own check."""
        text = super().to_internal_value(data)
        if len(text) <= (self.max_length or len(text)) and NAME.fullmatch(text) is None:
            raise refuse(InvalidTextError, _("letters, digits and underscores, no digit first"))
        return text


class CreateVariableRequest(StrictSerializer):
    """A new variable."""

    read_only_names = frozenset({"version"})
    name = NameField(max_length=128)
    value = ExactTextField(max_length=MAX_VALUE, allow_blank=True)


class UpdateVariableRequest(StrictSerializer):
    """Another value."""

    read_only_names = frozenset({"name", "version"})
    value = ExactTextField(max_length=MAX_VALUE, allow_blank=True)


class ImportRequest(StrictSerializer):
    """What a `.env` file holds."""

    read_only_names = frozenset({"created", "updated", "skipped"})
    dotenv = ExactTextField(
        max_length=MAX_IMPORT,
        allow_blank=True,
        help_text="`NAME=value` in each line. LF or CRLF ends a line; a BOM at the start is skipped.",
    )
    overwrite = BooleanField(default=False, help_text="Change what is there already.")

    def validate_dotenv(self, value: str) -> dict[str, str]:
        """Return the variables."""
        try:
            variables = parse_dotenv(value)
        except DotenvError as error:
            raise refuse(InvalidTextError, str(error)) from None
        if len(variables) > MAX_VARIABLES:
            raise refuse(
                InvalidTextError, _("more than %(most)d variables at once") % {"most": MAX_VARIABLES}
            )
        if any(len(text) > MAX_VALUE for text in variables.values()):
            raise serializers.ValidationError(_("a value is too long"), code=InvalidTextError.code)
        return variables
