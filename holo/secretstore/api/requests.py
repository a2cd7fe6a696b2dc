"""What clients send to the endpoints of variables."""

from typing import Any

from django.utils.translation import gettext as _

from holo.common.api.errors import InvalidTextError, LengthError
from holo.common.api.fields import BooleanField, ExactTextField, IdentifierField, refuse
from holo.common.api.serializers import StrictSerializer
from holo.secretstore.dotenv import NAME, DotenvError, parse_dotenv
from holo.secretstore.errors import SecretValueError
from holo.secretstore.operations import encode_value

MAX_VALUE = 32_768
MAX_IMPORT = 65_536
MAX_VARIABLES = 200
_LIMITS = "At most 32,768 characters, and 64 KB as JSON in UTF-8."


def _wrong_size(value: str) -> str:
    """Return why a value is too large to be kept; empty if it is not."""
    if len(value) > MAX_VALUE:
        return _("the value has more than %(most)d characters") % {"most": MAX_VALUE}
    try:
        encode_value(value)
    except SecretValueError as error:
        return error.message
    return ""


class NameField(IdentifierField):
    """The name of a variable."""

    def to_internal_value(self, data: Any) -> str:
        """Return the name. One that is too long is left to the length's own check."""
        text = super().to_internal_value(data)
        if len(text) <= (self.max_length or len(text)) and NAME.fullmatch(text) is None:
            raise refuse(InvalidTextError, _("letters, digits and underscores, no digit first"))
        return text


class ValueField(ExactTextField):
    """The value of a variable: limited in characters, and in bytes like every secret."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_VALUE, allow_blank=True, help_text=_LIMITS, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Return the value as it was sent. One with too many characters is left to the length's own check."""
        text = super().to_internal_value(data)
        wrong = _wrong_size(text) if len(text) <= MAX_VALUE else ""
        if wrong:
            raise refuse(LengthError, wrong)
        return text


class CreateVariableRequest(StrictSerializer):
    """A new variable."""

    read_only_names = frozenset({"version"})
    name = NameField(max_length=128)
    value = ValueField()


class UpdateVariableRequest(StrictSerializer):
    """Another value."""

    read_only_names = frozenset({"name", "version"})
    value = ValueField()


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
        for name, text in variables.items():
            wrong = _wrong_size(text)
            if wrong:
                raise refuse(InvalidTextError, f"{name}: {wrong}")
        return variables
