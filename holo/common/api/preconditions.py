"""`If-Match` and `If-None-Match`: a change is made only in a state that they allow (RFC 9110, 13.1)."""

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
    """Return the check that a service makes of the locked object; None where no such header was sent.

    It raises ChangedMeanwhileError unless `If-Match` names the object's tag as its GET gives it, or `*`; and
    where `If-None-Match` names it, or `*`. `If-Match` is compared strongly: a weak tag, or one without
    quotes, fits nothing.
    """
    wanted, unwanted = request.headers.get("If-Match"), request.headers.get("If-None-Match")
    if wanted is None and unwanted is None:
        return None

    def check(current: T) -> None:
        present = tag(current)
        if wanted is not None and not names_etag(wanted, present, weak=False):
            message = _("The object has changed since you read it. Read it again, then repeat your change.")
            raise ChangedMeanwhileError(message)
        if unwanted is not None and names_etag(unwanted, present, weak=True):
            raise ChangedMeanwhileError(_("The object is in the state that If-None-Match excludes."))

    return check
