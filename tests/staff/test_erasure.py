"""An erased person's address is in no session, however the page that put it there wrote it."""

import json
from urllib.parse import urlencode

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.test import RequestFactory
from django.utils.html import escape

from holo.common.erasure import Erased
from holo.common.ids import uuid7
from holo.common.kept_form import keep_form
from holo.staff.erasure import erase_from_sessions

pytestmark = pytest.mark.django_db
ADDRESS = "O'Hara+shop@exampl\u00e9.com"


def session_of(**values: object) -> str:
    """Save a session and return its key."""
    session = SessionStore()
    session.update(values)
    session.save()
    return str(session.session_key)


def with_kept_form(address: str) -> str:
    """Return the session of somebody whose form, with an address in it, waits for a code."""
    request = RequestFactory().post("/admin/identity/user/add/", {"email": address.upper()})
    request.session = SessionStore()
    request.person_mark = "mark"  # type: ignore[attr-defined]
    assert keep_form(request)
    request.session.save()
    return str(request.session.session_key)


def test_sessions_that_hold_an_address_end() -> None:
    holding = {
        "a form": with_kept_form(ADDRESS),
        "a filter": session_of(command_outcomes={"list": urlencode({"q": ADDRESS})}),
        "an outcome": session_of(command_outcomes={"outcomes": [{"label": f"{ADDRESS} \u00b7 Shop"}]}),
        "a list of messages": session_of(_messages=json.dumps([f"\u201c{ADDRESS}\u201d was changed"])),
        "a message": session_of(message=f"The user \u201c{escape(ADDRESS)}\u201d was changed."),
    }
    others = [with_kept_form("anna@example.com"), session_of(other=ADDRESS.replace("+shop", ""))]
    erased = Erased(user_id=uuid7(), addresses=frozenset({ADDRESS}), replacement="deleted@deleted.invalid")
    with transaction.atomic():
        erase_from_sessions(erased)
    left = set(Session.objects.values_list("session_key", flat=True))
    assert [what for what, key in holding.items() if key in left] == []
    assert left == set(others)
