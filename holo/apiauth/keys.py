"""The text of a key or token: `holo_<kind>_<8 prefix><22 secret><6 checksum>`, base62 after the kind.

The kind says what the key is for, so that one for production is known by sight: `prod`, `stg`, `dev` or
`prev` of an environment, `org` of all. `pat` is a person's token, `oat` an organisation's. Scanners find
`holo_(prod|stg|dev|prev|org|pat|oat)_[0-9A-Za-z]{36}`.

The checksum lets scanners and typists tell a key from noise; it authorises nothing.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_PREFIX, _SECRET, _CHECKSUM = 8, 22, 6
# Of a whole organisation; then those of environments, by what they are for.
ORGANIZATION = "org"
# Tokens of a person and of an organisation.
PERSONAL_TOKEN, ORGANIZATION_TOKEN = "pat", "oat"
KINDS = {"production": "prod", "staging": "stg", "development": "dev", "preview": "prev"}
_KEY = re.compile(
    rf"holo_({'|'.join((*KINDS.values(), ORGANIZATION, PERSONAL_TOKEN, ORGANIZATION_TOKEN))})_"
    rf"([0-9A-Za-z]{{{_PREFIX}}})([0-9A-Za-z]{{{_SECRET}}})([0-9A-Za-z]{{{_CHECKSUM}}})"
)
# A signed token, whoever signed it: three parts of base64url, the first two of JSON.
_JWT = re.compile(r"eyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyText:
    """A well-formed key: the prefix is public and finds the row, the text is secret."""

    prefix: str
    text: str

    def __repr__(self) -> str:
        return f"KeyText(prefix={self.prefix!r})"


def make_key(kind: str = ORGANIZATION) -> KeyText:
    """Return a new key with 131 random bits in its secret; `kind` is what stands after `holo_`."""
    prefix, secret = _random(_PREFIX), _random(_SECRET)
    return KeyText(prefix=prefix, text=f"holo_{kind}_{prefix}{secret}{_checksum(kind, prefix, secret)}")


def parse_key(text: str) -> KeyText | None:
    """Return the key in `text`, or None when its form or checksum is wrong."""
    match = _KEY.fullmatch(text)
    if match is None or _checksum(match[1], match[2], match[3]) != match[4]:
        return None
    return KeyText(prefix=match[2], text=text)


def contains_key(text: str) -> bool:
    """Tell whether something that looks like a key or a token is in `text`."""
    return _KEY.search(text) is not None or _JWT.search(text) is not None


def hash_key(key: KeyText) -> str:
    """Return what is kept of a key. A fast hash will do: the secret is random, not chosen."""
    return hashlib.sha256(key.text.encode()).hexdigest()


def matches(key: KeyText, secret_hash: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(hash_key(key), secret_hash)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(kind: str, prefix: str, secret: str) -> str:
    number = zlib.crc32(f"{kind}_{prefix}{secret}".encode())
    digits = ""
    for _ in range(_CHECKSUM):
        number, rest = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[rest] + digits
    return digits
