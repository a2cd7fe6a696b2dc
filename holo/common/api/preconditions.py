"""`If-Match`: a change is made only while the object is as its caller has seen it (RFC 9110, 13.1.1)."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from django.utils.translation import gettext as _
from rest_framework.request import Request

from holo.common.api.etags import etag_of, names_etag
from holo.common.api.problems import json_bytes
from holo.common.errors import ChangedMeanwhileError

T = TypeVar("T")


def tag_by(render: Callable[[T], Mapping[str, object]]) -> Callable[[T], str]:
    """Return what makes the entity tag of an object whose GET answers with `render` of it."""
    return lambda shown: etag_of(json_bytes(render(shown)))


def check_of(request: Request, tag: Callable[[T], str]) -> Callable[[T], None] | None:
    """Return the check that a service makes of the locked object; None where no `If-Match` was sent.

    It raises ChangedMeanwhileError unless the header names the object's tag as its GET gives it, or `*`. Tags
    are compared strongly: a weak one, or one without quotes, fits nothing.
    """
    header = request.headers.get("If-Match")
    if header is None:
        return None

    def check(current: T) -> None:
        if not names_etag(header, tag(current), weak=False):
            message = _("The object has changed since you read it. Read it again, then repeat your change.")
            raise ChangedMeanwhileError(message)

    return check
