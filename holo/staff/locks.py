"""The row locks of this app: the person, then the person's second factor."""

from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from holo.common.db import require_transaction
from holo.staff.models import SecondFactor


def lock_person(user_id: UUID) -> None:
    """Let enrolments of one person follow one another: a second factor that is not there cannot be locked."""
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM identity_user WHERE id = %s FOR NO KEY UPDATE", [user_id])


def lock_second_factor(user_id: UUID) -> SecondFactor | None:
    """Lock and return the confirmed second factor of a person; None for who has none."""
    require_transaction()
    return _locked().filter(user_id=user_id, confirmed_at__isnull=False).first()


def lock_enrolment(user_id: UUID, factor_id: UUID) -> SecondFactor | None:
    """Lock and return a second factor that is not confirmed yet."""
    require_transaction()
    return _locked().filter(pk=factor_id, user_id=user_id, confirmed_at__isnull=True).first()


def _locked() -> QuerySet[SecondFactor]:
    return SecondFactor.objects.select_for_update(of=("self",), no_key=True)
