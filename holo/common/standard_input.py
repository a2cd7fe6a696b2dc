"""Reads what is piped into a command, within a limit, as the bytes that were sent."""

import sys

from django.utils.translation import gettext as _

from holo.common.api.errors import BodyTooLargeError, InvalidUnicodeError

LARGEST = 1024 * 1024


def read_standard_input(*, largest: int = LARGEST) -> bytes:
    """Return all of stdin. Raises BodyTooLargeError, InvalidUnicodeError."""
    if sys.stdin is None:
        return b""
    binary = getattr(sys.stdin, "buffer", None)
    try:
        body: bytes = binary.read(largest + 1) if binary else sys.stdin.read(largest + 1).encode()
    except UnicodeError:
        raise InvalidUnicodeError(_("this is not UTF-8")) from None
    if len(body) > largest:
        raise BodyTooLargeError(_("stdin is larger than %(limit)d bytes") % {"limit": largest})
    return body
