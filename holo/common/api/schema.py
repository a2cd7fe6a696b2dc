"""What the OpenAPI document says of every call without being told: errors, keys, paging, filters."""

import re
from http import HTTPStatus
from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, extend_schema_field, inline_serializer
from rest_framework import serializers

from holo.common.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from holo.common.api.problems import CONTENT_TYPE


class FieldProblemSerializer(serializers.Serializer[Any]):
    """One wrong field or parameter."""

    pointer = serializers.CharField(help_text="RFC 6901 pointer into the body, or the name of a parameter.")
    code = serializers.CharField(help_text="What is wrong, for programs.")
    message = serializers.CharField(help_text="What is wrong, for people.")


class ProblemSerializer(serializers.Serializer[Any]):
    """An RFC 9457 problem document."""

    type = serializers.CharField(help_text="Where the code is explained.")
    title = serializers.CharField(help_text="What the code means in general.")
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Branch on this; it never changes.")
    detail = serializers.CharField(help_text="What happened this time.")
    instance = serializers.CharField(help_text="Path of the request.")
    request_id = serializers.CharField(help_text="Also in X-Request-ID and in the log.")
    # The name is the one of the document, not the property of serializers.
    errors = FieldProblemSerializer(many=True, required=False)  # type: ignore[assignment]
    details = serializers.DictField(required=False, help_text="Values that belong to the code.")


@extend_schema_field({"type": "string", "format": "uri-reference"})
class _LinkField(serializers.CharField):
    """The address of another page, from the root of this host."""


def page_of(serializer_class: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """Return the schema of a page of such rows, for `extend_schema(responses=…)`."""
    name = serializer_class.__name__.removesuffix("Serializer")
    return inline_serializer(
        name=f"{name}Page",
        fields={
            "next": _LinkField(allow_null=True),
            "previous": _LinkField(allow_null=True),
            "results": serializer_class(many=True),
        },
    )


class _CursorPages:
    """The form of a page, for views whose schema says `responses=Row(many=True)`."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of a page of rows of `schema`."""
        link = {"type": ["string", "null"], "format": "uri-reference"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: object) -> list[dict[str, Any]]:
        """Return nothing: paging is among the override parameters."""
        return []


_HEADERS = {
    "X-Request-ID": {"schema": {"type": "string"}, "description": "Id of this request, given or made."}
}
_LIMITS = {
    "RateLimit": {
        "schema": {"type": "string"},
        "description": "What is left of the fullest limit, and seconds until there is more.",
    },
    "RateLimit-Policy": {"schema": {"type": "string"}, "description": "That limit: calls at once, seconds."},
}
_REPLAYED = {
    "Idempotent-Replayed": {
        "schema": {"type": "string", "enum": ["true"]},
        "description": "Present when this is the stored answer of an earlier call with the same key.",
    }
}
_TAG = {"ETag": {"schema": {"type": "string"}, "description": "Names this state of the object."}}
# Each runs a command, which reads the body and the client's key.
_CHANGING = ("POST", "PATCH", "DELETE")


class ProblemAutoSchema(AutoSchema):
    """Adds what holds for every call of the API."""

    def get_operation_id(self) -> str:
        """Name lists `…_list`; the parent knows lists by their generic views only."""
        name: str = super().get_operation_id()
        return re.sub("_retrieve$", "_list", name) if self._is_page() else name

    def get_override_parameters(self) -> list[Any]:
        """Return the headers of every call, the filters of a list and its paging."""
        parameters = [*super().get_override_parameters()]
        if not self._is_open():
            parameters.append(_organization())
        if self._is_command():
            parameters.append(_idempotency_key())
        if self._is_guarded():
            parameters.append(_if_match())
        if self.method == "GET":
            for name, declared in getattr(self.view, "filters", {}).items():
                parameters.append(
                    OpenApiParameter(
                        name, declared.schema, OpenApiParameter.QUERY, description=declared.description
                    )
                )
        return [*parameters, *_paging()] if self._is_page() else parameters

    def get_paginated_name(self, serializer_name: str) -> str:
        """Name the component of a page."""
        return f"{serializer_name}Page"

    def _get_paginator(self) -> Any:
        return _CursorPages() if self._is_page() else None

    def _is_page(self) -> bool:
        return self.method == "GET" and bool(getattr(self.view, "ordering", ()))

    def _is_open(self) -> bool:
        """Tell whether nobody is asked who calls; such a call has no organisation, and no key is kept."""
        return not self.view.authentication_classes

    def _is_command(self) -> bool:
        return self.method in _CHANGING and not self._is_open()

    def _is_guarded(self) -> bool:
        return self.method in getattr(self.view, "if_match", ())

    def _has_tag(self) -> bool:
        """Tell whether a successful answer has an ETag; what a DELETE answers with is no more."""
        read = bool(getattr(self.view, "tagged", False) or getattr(self.view, "if_match", ()))
        return (read and self.method == "GET") or (self._is_guarded() and self.method != "DELETE")

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        if "204" in bodies:
            # What the parent takes a DELETE to answer; here it answers with what there was.
            bodies["200"] = bodies.pop("204")
        for status, body in bodies.items():
            replayed = _REPLAYED if self._is_command() and status.startswith(("2", "4")) else {}
            tag = _TAG if self._has_tag() and status == "200" else {}
            body["headers"] = {**body.get("headers", {}), **_HEADERS, **tag, **replayed}
        for number in self._problem_statuses():
            bodies.setdefault(str(number), self._problem(number))
        return dict(sorted(bodies.items()))

    def _problem_statuses(self) -> list[int]:
        statuses = [400, 403, 429, 503] if self._is_open() else [400, 401, 403, 429, 503]
        if "{" in self.path or getattr(self.view, "finds_by_body", False):
            statuses.append(404)
        if self.method in _CHANGING:
            statuses += [408, 409, 411, 413, 415, 422]
        if self._is_guarded():
            statuses.append(412)
        return statuses

    def _problem(self, status: int) -> dict[str, Any]:
        component = self.resolve_serializer(ProblemSerializer, "response")
        headers: dict[str, Any] = dict(_HEADERS)
        if status in (409, 429, 503):
            headers["Retry-After"] = {
                "schema": {"type": "integer"},
                "description": "Seconds; present where the same call may succeed later.",
            }
        if status == 429:
            headers |= _LIMITS
        return {
            "description": HTTPStatus(status).phrase,
            "headers": headers,
            "content": {CONTENT_TYPE: {"schema": component.ref}},
        }


def _organization() -> OpenApiParameter:
    return OpenApiParameter(
        "X-Organization",
        {"type": "string"},
        OpenApiParameter.HEADER,
        description="Short name of the organisation; needed by sessions of people who belong to several.",
    )


def _idempotency_key() -> OpenApiParameter:
    return OpenApiParameter(
        "Idempotency-Key",
        {"type": "string", "minLength": 1, "maxLength": 255},
        OpenApiParameter.HEADER,
        description=(
            "A repeated call with this key and the same body gets the first one's response, byte for byte, "
            "for at least 24 hours. The key belongs to the person in the organisation, whatever the "
            "credential; for an organisation's token, to all its rotations. A refusal that waiting or a "
            "corrected request may change is not stored, and the key can be used again: /api/errors says "
            "which refusals are stored."
        ),
    )


def _if_match() -> OpenApiParameter:
    return OpenApiParameter(
        "If-Match",
        {"type": "string"},
        OpenApiParameter.HEADER,
        description=(
            "ETags that were seen, or `*`. Any other state of the object is 412; nothing is changed. "
            "`If-None-Match` is the reverse."
        ),
    )


def _paging() -> list[OpenApiParameter]:
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    return [
        OpenApiParameter(
            "cursor", {"type": "string"}, OpenApiParameter.QUERY, description="From `next` or `previous`."
        ),
        OpenApiParameter("limit", limit, OpenApiParameter.QUERY, description="Rows per page."),
    ]
