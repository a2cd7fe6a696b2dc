"""Serializer fields that accept one form of a value, not everything that could be read as one."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from holo.common.addresses import validate_address
from holo.common.api.errors import (
    InvalidBooleanError,
    InvalidChoiceError,
    InvalidDatetimeError,
    InvalidIdError,
    InvalidIntegerError,
    InvalidTextError,
)
from holo.common.characters import describe_unfit, normal, shows_nothing
from holo.common.errors import RequestError
from holo.common.money import EXPONENTS, AmountOverflowError, Money, parse_amount

MAX_INTEGER = 2**63 - 1
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RFC3339 = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:Z|([+-])(\d{2}):(\d{2}))",
    re.ASCII | re.IGNORECASE,
)


def refuse(error: type[RequestError], message: str) -> serializers.ValidationError:
    """Return the error of a field with one of our codes."""
    return serializers.ValidationError(message, code=error.code)


def parse_uuid(value: object) -> UUID:
    """Return the UUID of its usual form; no braces, no `urn:`, no integer."""
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise refuse(InvalidIdError, _("not a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057"))
    return UUID(value)


def parse_moment(value: object) -> datetime:
    """Return the time of an RFC 3339 text with offset, in UTC.

    A fraction may have any number of digits; those after the sixth are dropped, as the database keeps
    microseconds. A leap second (`:60`) is refused, because no clock of ours has one.
    """
    match = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if match is not None and match[6] == "60":
        message = _("a leap second; send the second before or after it")
        raise refuse(InvalidDatetimeError, message)
    moment = _moment(match) if match is not None else None
    # The first or last hours of a year may be in another one in UTC.
    is_far = match is not None and not 1969 <= int(match[1]) <= 3000
    if is_far or (moment is not None and not 1970 <= moment.year <= 2999):
        raise refuse(InvalidDatetimeError, _("the time is out of range: 1970 to 2999, in UTC"))
    if moment is None:
        raise refuse(InvalidDatetimeError, _("not a time with offset such as 2026-03-01T12:00:00Z"))
    return moment


def _moment(match: re.Match[str]) -> datetime | None:
    """Return the time of what `_RFC3339` found; None if there is none such."""
    sign, hours, minutes = match[8], int(match[9] or 0), int(match[10] or 0)
    if hours > 23 or minutes > 59:
        return None
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if sign == "-" else 1)
    parts = [int(part) for part in match.group(1, 2, 3, 4, 5, 6)]
    microseconds = int((match[7] or "")[:6].ljust(6, "0"))
    try:
        year, month, day, hour, minute, second = parts
        local = datetime(year, month, day, hour, minute, second, microseconds, timezone(offset))
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class ListField(serializers.ListField):
    """A list that is refused for its length before any item of it is looked at."""

    def to_internal_value(self, data: Any) -> list[Any]:
        """Return the items."""
        if isinstance(data, list) and self.max_length is not None and len(data) > self.max_length:
            self.run_validators(data)
        return super().to_internal_value(data)


class IntegerField(serializers.IntegerField):
    """A JSON integer from `min_value` to `max_value`; no text, no float, no boolean."""

    def __init__(self, *, min_value: int = 0, max_value: int = MAX_INTEGER, **kwargs: Any) -> None:
        super().__init__(min_value=min_value, max_value=max_value, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        """Return the integer."""
        low, high = int(self.min_value or 0), int(self.max_value or 0)
        if isinstance(data, bool) or not isinstance(data, int) or not low <= data <= high:
            message = _("not an integer from %(low)s to %(high)s") % {"low": f"{low:,}", "high": f"{high:,}"}
            raise refuse(InvalidIntegerError, message)
        return data


class BooleanField(serializers.BooleanField):
    """JSON true or false."""

    def to_internal_value(self, data: Any) -> bool:
        """Return the value."""
        if not isinstance(data, bool):
            raise refuse(InvalidBooleanError, _("neither true nor false"))
        return data


class TextField(serializers.CharField):
    """Free text in normal form, with tabs and line breaks: the characters of `holo.common.characters`."""

    joiners = True
    lines = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **kwargs})

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Check the type first: the parent would take numbers for texts."""
        if data is not serializers.empty and data is not None and not isinstance(data, str):
            raise refuse(InvalidTextError, _("not a text"))
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        """Return the text."""
        unfit = describe_unfit(data, joiners=self.joiners, lines=self.lines)
        if unfit:
            raise refuse(InvalidTextError, unfit)
        text = super().to_internal_value(normal(data))
        if text and shows_nothing(text):
            raise refuse(InvalidTextError, _("a text of blanks alone shows nothing"))
        return text


class IdentifierField(TextField):
    """What people and programs compare (SKU, reference): nothing invisible, no blanks around it."""

    joiners = False
    lines = False

    def to_internal_value(self, data: Any) -> str:
        """Return the identifier."""
        text = super().to_internal_value(data)
        if text != text.strip():
            raise refuse(InvalidTextError, _("blanks around it are not allowed"))
        return text


class DisplayNameField(IdentifierField):
    """The name of a person or thing, in one line: joiners may stand where a script or an emoji needs them."""

    joiners = True


class ExactTextField(serializers.CharField):
    """A text that is kept for another system: every character stays as it is sent, and none is refused.

    The parser of JSON refuses NUL and lone surrogates in any text.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **kwargs})

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Check the type first: the parent would take numbers for texts."""
        if data is not serializers.empty and data is not None and not isinstance(data, str):
            raise refuse(InvalidTextError, _("not a text"))
        return super().run_validation(data)


class EmailField(IdentifierField):
    """An e-mail address; of any case, stored as it is sent."""

    def to_internal_value(self, data: Any) -> str:
        """Return the address. One that is too long is left to the length's own check."""
        text = super().to_internal_value(data)
        if self.max_length is None or len(text) <= self.max_length:
            try:
                validate_address(text)
            except DjangoValidationError:
                raise refuse(InvalidTextError, _("not an e-mail address")) from None
        return text


class UuidField(serializers.UUIDField):
    """A UUID in its usual form."""

    def to_internal_value(self, data: Any) -> UUID:
        """Return the UUID."""
        return parse_uuid(data)


class DateTimeField(serializers.DateTimeField):
    """An RFC 3339 time with offset."""

    def to_internal_value(self, value: Any) -> datetime:
        """Return the time in UTC."""
        return parse_moment(value)


class ChoiceField(serializers.ChoiceField):
    """One of some texts."""

    def __init__(self, choices: Iterable[Any], **kwargs: Any) -> None:
        super().__init__(list(choices), **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Return the text."""
        if not isinstance(data, str) or data not in self.choices:
            known = ", ".join(str(choice) for choice in self.choices)
            raise refuse(InvalidChoiceError, _("none of: %(choices)s") % {"choices": known})
        return data


@extend_schema_field(
    {
        "oneOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,15})(\.[0-9]{1,2})?$"},
        ],
        "description": "Major units, as an integer or a decimal string; floats are refused.",
    }
)
class AmountField(serializers.Field[Money, Any, dict[str, str], Any]):
    """An amount of `currency` in major units, integer or decimal string; gives Money."""

    def __init__(self, *, currency: str = "CNY", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.currency = currency

    def to_internal_value(self, data: Any) -> Money:
        """Return the money."""
        try:
            return parse_amount(data, currency=self.currency)
        except RequestError as error:
            raise refuse(type(error), self._told(error)) from None

    def _told(self, error: RequestError) -> str:
        """Return in the caller's language what is wrong; money itself is known before languages are."""
        if isinstance(error, AmountOverflowError):
            return _("the amount is too large")
        shape = {"currency": self.currency, "decimals": EXPONENTS[self.currency]}
        return (
            _("no integer or decimal string of %(currency)s with at most %(decimals)d decimals, such as 500")
            % shape
        )

    def to_representation(self, value: Money) -> dict[str, str]:
        """Return the form of answers."""
        return value.as_wire()


class MoneySerializer(serializers.Serializer[Any]):
    """Money in answers, for the documentation: `{"amount": "500.00", "currency": "CNY"}`."""

    amount = serializers.RegexField(r"^-?[0-9]+\.[0-9]{2}$", help_text="Major units.")
    currency = serializers.ChoiceField(sorted(EXPONENTS))
