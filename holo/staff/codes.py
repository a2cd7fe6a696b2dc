"""One-time codes, recovery codes and the QR code of a secret. Pure: knows no rows.

The arithmetic of RFC 6238 is django-otp's; its models are not used, for they keep secrets and recovery codes
as plain text (`docs/adr/0015-second-factors-in-the-secret-store.md`).
"""

import base64
import hashlib
import hmac
import io
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode
from uuid import UUID

import segno
from django_otp.oath import TOTP

STEP, DIGITS = 30, 6
# Steps before and after the present one whose codes are accepted too.
_TOLERANCE = 1
RECOVERY_CODES = 10
_SECRET_BYTES = 20
# Without what looks alike; 16 of these 32 are 80 bits.
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_CODE_LENGTH, _GROUP = 16, 4
# Wrong codes that cost no wait; after them each wait is twice the last, but never longer than this.
_FREE_FAILURES = 3
_LONGEST_WAIT = 300
_ISSUER = "Holo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which step a code is of, and by how many steps the device's clock is off."""

    step: int
    drift: int


def new_secret() -> str:
    """Return a random secret, in base32 as devices take it."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def shared_secret(key: str, purpose: str) -> str:
    """Return the secret that an installation's key gives for a purpose; the same each time."""
    return base64.b32encode(hmac.digest(key.encode(), purpose.encode(), "sha1")).decode()


def code_at(secret: str, moment: float) -> str:
    """Return the code that a device shows at a moment, in seconds since 1970."""
    totp = TOTP(base64.b32decode(secret), STEP, 0, DIGITS)
    totp.time = moment
    return f"{totp.token():0{DIGITS}d}"


def match_code(secret: str, code: str, *, moment: datetime, drift: int, after: int) -> Match | None:
    """Return what a code matches at a moment; None where it is wrong, or of no later step than `after`."""
    if re.fullmatch(rf"[0-9]{{{DIGITS}}}", code) is None:
        return None
    totp = TOTP(base64.b32decode(secret), STEP, 0, DIGITS, drift)
    totp.time = moment.timestamp()
    if not totp.verify(int(code), _TOLERANCE, after + 1):
        return None
    # A slow hand is no slow clock: what is accepted must not wander from the code that the device shows.
    return Match(step=totp.t(), drift=max(-_TOLERANCE, min(_TOLERANCE, totp.drift)))


def wait_after(failures: int) -> timedelta:
    """Return how long a device takes no code after so many wrong ones in a row."""
    over = failures - _FREE_FAILURES
    return timedelta(seconds=0 if over < 0 else min(2 ** min(over, 30), _LONGEST_WAIT))


def plain(code: str) -> str:
    """Return what somebody typed without spaces, hyphens and capitals."""
    return re.sub(r"[\s-]", "", code).lower()


def new_recovery_codes() -> list[str]:
    """Return new recovery codes, in groups of four."""
    return [_grouped(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH)) for _ in range(RECOVERY_CODES)]


def _grouped(characters: Iterable[str]) -> str:
    text = "".join(characters)
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def hash_recovery_code(factor_id: UUID, code: str) -> str:
    """Return what is stored of a code. A fast hash does: the code has 80 random bits."""
    return hashlib.sha256(f"{factor_id}:{plain(code)}".encode()).hexdigest()


def address_of(secret: str, email: str) -> str:
    """Return the `otpauth:` address that a device reads from the QR code."""
    values = {"secret": secret, "issuer": _ISSUER, "digits": DIGITS, "period": STEP}
    return f"otpauth://totp/{quote(f'{_ISSUER}:{email}')}?{urlencode(values, quote_via=quote)}"


def qr_svg(text: str) -> str:
    """Return a QR code as an SVG element, black on white in dark themes too."""
    buffer = io.BytesIO()
    segno.make(text, error="m").save(
        buffer, kind="svg", xmldecl=False, svgns=False, scale=4, border=3, light="#fff", omitsize=True
    )
    return buffer.getvalue().decode()
