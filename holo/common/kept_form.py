"""Keeps a form that cannot be taken yet, until its person has logged in again or shown a code.

The page of the form then shows it as it was filled in, and nothing happens before it is sent again. A form is
kept in the browser's session for half an hour, for one person, without passwords; of several tabs the last
three. `holo/staff/` tells each request whose browser it is.
"""

import re
import time
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, QueryDict
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

# In the session: what was kept, by page, the oldest first.
_KEPT = "kept_forms"
_MOST_FORMS = 3
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

    Replaces what was kept for that page. Kept is only what a known person's browser sends: whoever has never
    logged in stores nothing here.
    """
    mark: str = getattr(request, "person_mark", "")
    sent = (request.POST if form is None else form).copy()
    for name in [name for name in sent if is_secret_field(name)]:
        del sent[name]
    typed, page = sent.urlencode(), page or request.get_full_path()
    _forget(request, page)
    if not mark or len(typed) > LARGEST:
        return False
    kept = {**_all_kept(request), page: {"typed": typed, "person": mark, "until": time.time() + KEPT_SECONDS}}
    request.session[_KEPT] = dict(list(kept.items())[-_MOST_FORMS:])
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
    """Forget kept forms that are somebody else's or too old; tell whether there was one."""
    kept, mark = _all_kept(request), person_mark(user_id)
    theirs = {page: form for page, form in kept.items() if _is_theirs(form, mark)}
    if len(theirs) == len(kept):
        return False
    request.session[_KEPT] = theirs
    return True


def forget_form(request: HttpRequest) -> None:
    """Forget what was kept for this page: it has been sent again."""
    _forget(request, request.get_full_path())


def _all_kept(request: HttpRequest) -> dict[str, dict[str, object]]:
    kept: dict[str, dict[str, object]] = request.session.get(_KEPT, {})
    return kept


def _forget(request: HttpRequest, page: str) -> dict[str, object] | None:
    """Take what was kept for a page out of the session, and return it."""
    kept = dict(_all_kept(request))
    form = kept.pop(page, None)
    if form is not None:
        request.session[_KEPT] = kept
    return form


def _taken(request: HttpRequest) -> QueryDict | None:
    form = _forget(request, request.get_full_path())
    if form is None or not _is_theirs(form, getattr(request, "person_mark", "")):
        return None
    messages.warning(request, _("This is the form as you filled it in. Check it, then send it again."))
    return QueryDict(str(form["typed"]))


def _is_theirs(kept: dict[str, object], mark: str) -> bool:
    return float(str(kept["until"])) > time.time() and constant_time_compare(str(kept["person"]), mark)
