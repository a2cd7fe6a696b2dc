"""Keeps a form that cannot be taken yet, until its person has logged in again or shown a code.

The page of the form then shows it as it was filled in, and nothing happens before it is sent again. A form is
kept in the browser's session for half an hour, for one person, without passwords. `holo/staff/` tells each
request whose browser it is.
"""

import re
import time
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, QueryDict
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

_KEPT = "kept_form"
KEPT_SECONDS = 1800
# Of the encoded form; more than any page of the product sends.
LARGEST = 100_000
# Names of fields whose values must not be kept. A test compares them with the admin's password fields.
_SECRET = re.compile(r"passw|secret|csrfmiddlewaretoken", re.IGNORECASE)


def person_mark(user_id: UUID) -> str:
    """Return what ties a kept form to a person; it tells nobody who that is."""
    return salted_hmac("holo.common.kept_form", str(user_id), algorithm="sha256").hexdigest()


def is_secret_field(name: str) -> bool:
    """Tell whether the value of a field is never kept."""
    return _SECRET.search(name) is not None


def keep_form(request: HttpRequest, *, page: str = "", form: QueryDict | None = None) -> bool:
    """Keep what was sent for `page`, by default the address it was sent to; False where it cannot be kept.

    Replaces a form that was kept before. Kept is only what a known person's browser sends: whoever has never
    logged in stores nothing here.
    """
    mark: str = getattr(request, "person_mark", "")
    sent = (request.POST if form is None else form).copy()
    for name in [name for name in sent if is_secret_field(name)]:
        del sent[name]
    typed = sent.urlencode()
    if not mark or len(typed) > LARGEST:
        request.session.pop(_KEPT, None)
        return False
    request.session[_KEPT] = {
        "page": page or request.get_full_path(),
        "typed": typed,
        "person": mark,
        "until": time.time() + KEPT_SECONDS,
    }
    return True


def keep_until_login(request: HttpRequest) -> None:
    """Keep a form that somebody sends after the session has ended, and say what becomes of it."""
    # No longer than the form itself; whoever logs in gets a session of the usual length.
    request.session.set_expiry(KEPT_SECONDS)
    if keep_form(request):
        text = _("Your session has ended, and nothing was changed. Log in: your form comes back filled in.")
    else:
        text = _("Your session has ended, and nothing was changed. The form could not be kept.")
    messages.warning(request, text)


def kept_form(request: HttpRequest) -> QueryDict | None:
    """Return the form that was kept for this page and person, once; None for any other request than GET."""
    if request.method != "GET":
        return None
    if not hasattr(request, "_kept_form"):
        request._kept_form = _taken(request)  # type: ignore[attr-defined]
    found: QueryDict | None = request._kept_form  # type: ignore[attr-defined]
    return found


def sent_form(request: HttpRequest) -> QueryDict | None:
    """Return what a form of this page is filled with: what is being sent, or what was kept; else None."""
    return request.POST if request.method == "POST" else kept_form(request)


def drop_lost_form(request: HttpRequest, user_id: UUID) -> bool:
    """Forget a kept form that is somebody else's or too old; tell whether there was one."""
    kept = request.session.get(_KEPT)
    if not kept or _is_theirs(kept, person_mark(user_id)):
        return False
    del request.session[_KEPT]
    return True


def forget_form(request: HttpRequest) -> None:
    """Forget what was kept for this page: it has been sent again."""
    if request.session.get(_KEPT, {}).get("page") == request.get_full_path():
        del request.session[_KEPT]


def _taken(request: HttpRequest) -> QueryDict | None:
    kept = request.session.get(_KEPT)
    if not kept or kept["page"] != request.get_full_path():
        return None
    del request.session[_KEPT]
    if not _is_theirs(kept, getattr(request, "person_mark", "")):
        return None
    messages.warning(request, _("This is the form as you filled it in. Check it, then send it again."))
    return QueryDict(kept["typed"])


def _is_theirs(kept: dict[str, object], mark: str) -> bool:
    return float(str(kept["until"])) > time.time() and constant_time_compare(str(kept["person"]), mark)
