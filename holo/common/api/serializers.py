"""The base of request bodies: what is not declared is refused."""

import difflib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.settings import api_settings

from holo.common.api.errors import ExpectedObjectError, ReadOnlyFieldError, UnknownFieldError

_SHOWN = 64
# So many fields too many are named for each object; a body has room for tens of thousands.
_MOST_NAMED = 10


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that are unknown, and those that only the server sets.

    `read_only_names` are fields of the answer that have no business in a request (id, status, total).
    """

    read_only_names: ClassVar[frozenset[str]] = frozenset()

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated values, or raise with all problems, of unknown fields the first ten."""
        if not isinstance(data, Mapping):
            problem = serializers.ErrorDetail(_("must be a JSON object"), code=ExpectedObjectError.code)
            raise serializers.ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [problem]})
        problems: dict[str, Any] = dict(islice(self._strangers(data), _MOST_NAMED))
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            found: Any = error.detail
            problems = {**found, **problems}
        if problems:
            raise serializers.ValidationError(problems)
        return values

    def _strangers(self, data: Mapping[str, Any]) -> Iterator[tuple[str, list[serializers.ErrorDetail]]]:
        writable = {name for name, field in self.fields.items() if not field.read_only}
        for name in data:
            if name in writable:
                continue
            if name in self.fields or name in self.read_only_names:
                text, code = _("only the server sets this field"), ReadOnlyFieldError.code
            else:
                text, code = _unknown(name, writable), UnknownFieldError.code
            yield name, [serializers.ErrorDetail(text, code=code)]


def names_of(answer: type[serializers.Serializer[Any]]) -> frozenset[str]:
    """Return the names of an answer's fields; in a request they are read-only, unless declared there."""
    declared: Mapping[str, object] = answer._declared_fields
    return frozenset(declared)


def _unknown(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name[:_SHOWN], known, n=1)
    if near:
        return _("there is no such field; did you mean %(name)s?") % {"name": near[0]}
    return _("there is no such field")
