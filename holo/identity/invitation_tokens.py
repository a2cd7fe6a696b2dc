"""The secret in the link of an invitation: random, mailed, kept only as a hash."""

import hashlib
import secrets

_BYTES = 32


def make_token() -> str:
    """Return a new secret of 256 random bits, fit for an address."""
    return secrets.token_urlsafe(_BYTES)


def hash_token(token: str) -> str:
    """Return what is kept. A fast hash will do: the secret is random, not chosen."""
    return hashlib.sha256(token.encode()).hexdigest()
