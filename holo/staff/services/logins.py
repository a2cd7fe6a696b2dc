"""Commands about attempts to log in by password."""

from uuid import UUID

from holo.idempotency.commands import command
from holo.staff.limits import Attempt, count_attempt, give_back
from holo.staff.operations import SYSTEM, note, note_block


@command
def take_attempt(*, email: str, address: str) -> Attempt:
    """Count an attempt to log in with a password, before it is looked at.

    Not idempotent: each call counts. Locks the two counts, the pair first.
    """
    return count_attempt(email, address)


@command
def return_attempt(*, attempt: Attempt) -> None:
    """Take an attempt whose password was right out of the counts; those before it stay counted.

    Not idempotent. Locks the two counts, the pair first.
    """
    give_back(attempt)


@command
def record_wrong_password(*, attempt: Attempt, user_id: UUID | None, address: str) -> None:
    """Write that a password was wrong, and where it was the last to be looked at, that a wait begins.

    What was typed is not written: people type passwords where the address belongs. Not idempotent: each
    attempt is a row. Takes no locks.
    """
    note("login_failed", actor=SYSTEM, user_id=user_id, address=address)
    note_block(attempt, user_id, address)
