"""Commands about sessions: begin one with both factors, show a code again, end it."""

from uuid import UUID

from django.db.models.functions import Now

from holo.common.characters import without_unfit
from holo.idempotency.commands import command
from holo.identity.models import User
from holo.identity.operations import remember_language
from holo.staff.models import StaffSession
from holo.staff.operations import acting, note, prove


@command
def prove_second_factor(*, user: User, code: str, address: str) -> bool:
    """Use up a code of the person's device, or a recovery code; False where it is refused.

    Not idempotent: a code works once. Locks the two counts, then the second factor.
    """
    return prove(user, code, address=address) is not None


@command
def begin_session(*, user: User, address: str, agent: str, language: str = "") -> UUID:
    """Begin the session of somebody who has just shown both factors; return its id.

    `language` is that of the pages, which mail to the person is written in from now on. Not idempotent: each
    log-in is a session. Locks the person's row if the language is another than before.
    """
    remember_language(user.pk, language)
    session = StaffSession.objects.create(user=user, address=address[:64], agent=without_unfit(agent)[:200])
    note("session_begun", actor=acting(user), user_id=user.pk, address=address)
    return session.pk


@command
def prove_again(*, user: User, session_id: UUID, code: str, address: str) -> bool:
    """Use up a code and note that the session's second factor is fresh; False where it is refused.

    Not idempotent: a code works once. Locks the two counts, then the second factor.
    """
    if prove(user, code, address=address) is None:
        return False
    StaffSession.objects.filter(pk=session_id, user=user).update(proved_at=Now())
    note("second_factor_shown", actor=acting(user), user_id=user.pk, address=address)
    return True


@command
def end_session(*, user: User, session_id: UUID) -> bool:
    """End one of the person's own sessions; False where it has ended.

    Idempotent by nature. Takes no locks.
    """
    ended, _models = StaffSession.objects.filter(pk=session_id, user=user).delete()
    if ended:
        note("session_ended", actor=acting(user), user_id=user.pk)
    return bool(ended)


@command
def end_other_sessions(*, user: User, session_id: UUID) -> int:
    """End all of the person's sessions but one; return how many.

    Idempotent by nature. Takes no locks.
    """
    ended, _models = StaffSession.objects.filter(user=user).exclude(pk=session_id).delete()
    if ended:
        note("session_ended", actor=acting(user), user_id=user.pk, data={"count": ended})
    return ended
