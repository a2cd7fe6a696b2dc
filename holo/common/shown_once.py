"""Carries a secret from the command that made it to the page that shows it: once, and readable in no row.

The browser's session holds it encrypted, and a cookie the key: neither the database nor the browser alone can
read it. Reloading the page shows nothing any more, and makes nothing a second time.
"""

import base64
import json
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.http import HttpRequest, HttpResponseRedirect
from django.views.decorators.debug import sensitive_variables

_CARRIED = "shown_once"
_COOKIE = "shown_once"
_SECONDS = 120
# Each key encrypts one message.
_NONCE = bytes(12)


@sensitive_variables()
def show_once(request: HttpRequest, page: str, values: dict[str, object]) -> HttpResponseRedirect:
    """Redirect to `page`, which takes the values with `taken_once` within two minutes."""
    key = AESGCM.generate_key(256)
    sealed = AESGCM(key).encrypt(_NONCE, json.dumps(values).encode(), page.encode())
    request.session[_CARRIED] = {
        "page": page,
        "sealed": base64.b64encode(sealed).decode(),
        "until": time.time() + _SECONDS,
    }
    response = HttpResponseRedirect(page)
    response.set_cookie(
        _COOKIE,
        base64.urlsafe_b64encode(key).decode(),
        max_age=_SECONDS,
        path=page,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


@sensitive_variables()
def taken_once(request: HttpRequest) -> dict[str, object] | None:
    """Return what was carried to this page, once; None where there is nothing (any more)."""
    carried = request.session.get(_CARRIED)
    if request.method != "GET" or not carried or carried["page"] != request.path:
        return None
    del request.session[_CARRIED]
    if carried["until"] < time.time():
        return None
    try:
        key = base64.urlsafe_b64decode(request.COOKIES.get(_COOKIE, ""))
        opened = AESGCM(key).decrypt(_NONCE, base64.b64decode(carried["sealed"]), request.path.encode())
    except (InvalidTag, ValueError):
        return None
    values: dict[str, object] = json.loads(opened)
    return values
