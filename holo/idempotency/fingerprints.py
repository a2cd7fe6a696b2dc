"""Tells whether a repeated request has the body of the first one, without keeping that body.

A fingerprint is an HMAC: a short secret in a body cannot be guessed from a row. Its secrets are derived from
SECRETS_KEYRING and follow the rotation of that ring. A row has one fingerprint for each secret of the process
that wrote it, so one secret in common is enough to compare. No request is misjudged while processes restart
one after the other with another ring.
"""

import hmac

from django.conf import settings

_PURPOSE = b"holo idempotency fingerprint v1"
_ID_DIGITS = 16


def fingerprint_of(content: str) -> str:
    """Return what is stored of the content of a request."""
    return " ".join(f"{_id_of(secret)}:{_mac(secret, content)}" for secret in _ring() or _from_secret_keys())


def is_same(stored: str, content: str) -> bool | None:
    """Tell whether `stored` was made of `content`; None where no secret that could tell is left."""
    if ":" not in stored:
        return _is_same_as_before_the_ring(stored, content)
    made = dict(part.split(":") for part in stored.split())
    for secret in (*_ring(), *_from_secret_keys()):
        found = made.get(_id_of(secret))
        if found is not None:
            return hmac.compare_digest(found, _mac(secret, content))
    return None


def _is_same_as_before_the_ring(stored: str, content: str) -> bool | None:
    """Compare with a fingerprint of an earlier version, which was made with SECRET_KEY itself.

    Such rows end a day after the upgrade. They do not name their secret, so a difference may be a changed
    SECRET_KEY as well as another content.
    """
    return any(hmac.compare_digest(stored, _mac(key, content)) for key in _secret_keys()) or None


def _ring() -> list[bytes]:
    """Return the secrets derived from the key ring, newest first; none without a ring."""
    return [hmac.digest(key, _PURPOSE, "sha256") for key in settings.KEYRING.keys.values()]


def _from_secret_keys() -> list[bytes]:
    """Return those that stand in where there is no ring."""
    return [hmac.digest(key, _PURPOSE, "sha256") for key in _secret_keys()]


def _secret_keys() -> list[bytes]:
    return [key.encode() for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def _id_of(secret: bytes) -> str:
    """Return what a secret is known by; the id in the ring would not do, for its key can be exchanged."""
    return hmac.digest(secret, b"id", "sha256").hex()[:_ID_DIGITS]


def _mac(secret: bytes, content: str) -> str:
    return hmac.digest(secret, content.encode(), "sha256").hex()
