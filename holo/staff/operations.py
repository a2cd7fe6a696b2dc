"""What the commands about getting in share, inside their transaction."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from uuid import UUID

from django.db.models.functions import Now

from holo.audit.operations import record_audit
from holo.common.actor import Actor, OrganizationId, UserId, system_actor
from holo.common.clock import database_now
from holo.common.db import require_transaction
from holo.identity.models import User
from holo.secretstore.errors import SecretNotFoundError
from holo.secretstore.operations import read_secret, wipe_secret, write_secret
from holo.secretstore.places import INSTALLATION
from holo.secretstore.services import NOBODY
from holo.staff.codes import (
    DIGITS,
    hash_recovery_code,
    match_code,
    new_recovery_codes,
    plain,
    wait_after,
)
from holo.staff.limits import Attempt, count_attempt, forget, give_back
from holo.staff.locks import lock_second_factor
from holo.staff.models import RecoveryCode, SecondFactor

logger = logging.getLogger("holo.security")
SYSTEM = system_actor(OrganizationId(NOBODY))
OPERATOR = system_actor(OrganizationId(NOBODY), label="manage.py second_factor")
# Secrets whose names begin so are not for people to see.
SECRET_PREFIX = "staff/second-factor/"
# What somebody who watches the log wants to be woken by.
_ALARMS = frozenset(
    {"login_failed", "login_blocked", "second_factor_refused", "second_factor_reset", "recovery_code_used"}
)


def acting(user: User) -> Actor:
    """Return a person as the actor of what concerns the installation and no organisation."""
    return Actor(user_id=UserId(user.pk), organization_id=OrganizationId(NOBODY), label=user.email)


def note(
    event: str,
    *,
    actor: Actor,
    user_id: UUID | None,
    address: str = "",
    data: Mapping[str, object] | None = None,
) -> None:
    """Write a security event: an audit row, and a log line that says from where; one request id ties both."""
    record_audit(
        actor=actor,
        action=f"staff.{event}",
        subject_type="identity.user",
        subject_id=user_id or "",
        data=data,
    )
    level = logging.WARNING if event in _ALARMS else logging.INFO
    logger.log(level, "%s: user %s from %s", event, user_id or "-", address or "-")


def keep_secret(factor: SecondFactor, secret: str) -> None:
    """Seal the secret of a new second factor."""
    write_secret(SYSTEM, INSTALLATION, _name(factor), secret)


def secret_of(factor: SecondFactor) -> str:
    """Return the secret of a second factor, and write that it was read. Raises as `read_secret`."""
    found = read_secret(SYSTEM, INSTALLATION, _name(factor), str)
    assert found is not None
    return found


def remove_factor(factor: SecondFactor) -> None:
    """Delete a second factor with its recovery codes and wipe its secret."""
    require_transaction()
    with suppress(SecretNotFoundError):
        wipe_secret(SYSTEM, INSTALLATION, _name(factor))
    factor.delete()


def _name(factor: SecondFactor) -> str:
    return f"{SECRET_PREFIX}{factor.pk}"


def make_recovery_codes(factor: SecondFactor) -> list[str]:
    """Replace all recovery codes; return the new ones, which are kept as hashes alone."""
    require_transaction()
    codes = new_recovery_codes()
    factor.codes.all().delete()
    RecoveryCode.objects.bulk_create(
        RecoveryCode(factor=factor, code_hash=hash_recovery_code(factor.pk, code)) for code in codes
    )
    return codes


def prove(user: User, code: str, *, address: str) -> Attempt | None:
    """Use up a code of the person's device, or a recovery code; None where it is refused.

    A wrong one counts like a wrong password. Why one is refused is in the audit trail, not in the answer.
    """
    require_transaction()
    attempt = count_attempt(user.email, address)
    if not attempt.allowed:
        logger.warning("login_blocked: user %s from %s", user.pk, address or "-")
        return None
    factor = lock_second_factor(user.pk)
    if factor is None or not _uses_up(factor, plain(code), user, address):
        note("second_factor_refused", actor=acting(user), user_id=user.pk, address=address)
        note_block(attempt, user.pk, address)
        return None
    forget(attempt)
    give_back(attempt)
    return attempt


def note_block(attempt: Attempt, user_id: UUID | None, address: str) -> None:
    """Write that a wait begins, where this attempt was the last that is looked at."""
    if attempt.filled:
        counts = sorted(key.partition(":")[0] for key in attempt.filled)
        note("login_blocked", actor=SYSTEM, user_id=user_id, address=address, data={"counts": counts})


def _uses_up(factor: SecondFactor, code: str, user: User, address: str) -> bool:
    if len(code) != DIGITS:
        # Neither held up by the device's wait nor prolonging it: who guesses at the device cannot keep its
        # owner out, and 80 bits are not guessed.
        return _uses_up_recovery_code(factor, code, user, address)
    now = database_now()
    if factor.failed_at is not None and factor.failed_at + wait_after(factor.failures) > now:
        return False
    found = match_code(secret_of(factor), code, moment=now, drift=factor.drift, after=factor.last_step)
    if found is None:
        factor.failures, factor.failed_at = factor.failures + 1, now
    else:
        factor.failures, factor.failed_at = 0, None
        factor.last_step, factor.drift = found.step, found.drift
    factor.save(update_fields=["failures", "failed_at", "last_step", "drift"])
    return found is not None


def _uses_up_recovery_code(factor: SecondFactor, code: str, user: User, address: str) -> bool:
    codes = RecoveryCode.objects.filter(
        factor=factor, code_hash=hash_recovery_code(factor.pk, code), used_at__isnull=True
    )
    if not codes.update(used_at=Now()):
        return False
    note("recovery_code_used", actor=acting(user), user_id=user.pk, address=address)
    return True
