"""Commands about second factors: enrol, make recovery codes anew, remove a lost device."""

from uuid import UUID

from django.utils.translation import gettext as _

from holo.common.clock import database_now
from holo.common.errors import NotFoundError
from holo.idempotency.commands import command
from holo.identity.models import User
from holo.identity.selectors import find_person
from holo.staff.codes import match_code, new_secret
from holo.staff.limits import count_attempt, forget, give_back
from holo.staff.locks import lock_enrolment, lock_person, lock_second_factor
from holo.staff.models import SecondFactor, StaffSession
from holo.staff.operations import (
    OPERATOR,
    acting,
    keep_secret,
    make_recovery_codes,
    note,
    note_block,
    remove_factor,
    secret_of,
)


@command
def begin_enrolment(*, user_id: UUID) -> UUID | None:
    """Make a secret for a person's device and return its id; None for who has a device.

    One that was begun before and not confirmed ends: whoever saw it may have been somebody else. Not
    idempotent. Locks the person.
    """
    lock_person(user_id)
    if SecondFactor.objects.filter(user_id=user_id, confirmed_at__isnull=False).exists():
        return None
    for begun in SecondFactor.objects.filter(user_id=user_id, confirmed_at__isnull=True):
        remove_factor(begun)
    factor = SecondFactor.objects.create(user_id=user_id)
    keep_secret(factor, new_secret())
    return factor.pk


@command
def read_enrolment_secret(*, user_id: UUID, factor_id: UUID) -> str | None:
    """Return the secret of a device that is not confirmed yet; None where there is none.

    Idempotent. Locks the second factor. Raises as `get_secret`.
    """
    factor = lock_enrolment(user_id, factor_id)
    return secret_of(factor) if factor is not None else None


@command
def confirm_enrolment(*, user: User, factor_id: UUID, code: str, address: str) -> list[str] | None:
    """Take a device that shows the right code as the person's second factor; return the recovery codes.

    None where the code is wrong or there were too many; wrong ones count like wrong passwords. Not
    idempotent: the device is confirmed once. Locks the two counts, the person, then the second factor.
    """
    attempt = count_attempt(user.email, address)
    lock_person(user.pk)
    factor = lock_enrolment(user.pk, factor_id) if attempt.allowed else None
    if factor is None or lock_second_factor(user.pk) is not None:
        return None
    now = database_now()
    found = match_code(secret_of(factor), code, moment=now, drift=0, after=factor.last_step)
    if found is None:
        note("second_factor_refused", actor=acting(user), user_id=user.pk, address=address)
        note_block(attempt, user.pk, address)
        return None
    factor.confirmed_at, factor.last_step, factor.drift = now, found.step, found.drift
    factor.save(update_fields=["confirmed_at", "last_step", "drift"])
    forget(attempt)
    give_back(attempt)
    note("second_factor_enrolled", actor=acting(user), user_id=user.pk, address=address)
    return make_recovery_codes(factor)


@command
def renew_recovery_codes(*, user: User, address: str) -> list[str] | None:
    """Replace the person's recovery codes; return the new ones. None for who has no device.

    Not idempotent: each call makes others. Locks the second factor.
    """
    factor = lock_second_factor(user.pk)
    if factor is None:
        return None
    note("recovery_codes_made", actor=acting(user), user_id=user.pk, address=address)
    return make_recovery_codes(factor)


@command
def reset_second_factor(*, email: str) -> bool:
    """Remove a person's lost device and end their sessions; False where there was none.

    At the next log-in the person enrols another one. Idempotent by nature. Locks the second factor. Raises
    NotFoundError.
    """
    person = find_person(email)
    if person is None:
        raise NotFoundError(_("there is no such person"))
    factor = lock_second_factor(person.pk)
    StaffSession.objects.filter(user=person).delete()
    if factor is None:
        return False
    remove_factor(factor)
    note("second_factor_reset", actor=OPERATOR, user_id=person.pk)
    return True


@command
def enrol_demo_person(*, user_id: UUID, secret: str) -> bool:
    """Give somebody of the demonstration a device with a secret that is told to everybody; False if there.

    Idempotent by nature. Locks the person.
    """
    lock_person(user_id)
    if SecondFactor.objects.filter(user_id=user_id, confirmed_at__isnull=False).exists():
        return False
    factor = SecondFactor.objects.create(user_id=user_id, confirmed_at=database_now())
    keep_secret(factor, secret)
    return True
