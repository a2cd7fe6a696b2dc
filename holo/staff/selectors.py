"""Reads of second factors and sessions."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from holo.staff.models import RecoveryCode, SecondFactor, StaffSession

# Seconds in which the time of use is not written again.
_RESOLUTION = 60
# The clock is the database's: one for all processes.
_USE = """
SELECT proved_at > clock_timestamp() - make_interval(secs => %(fresh)s),
       seen_at < clock_timestamp() - make_interval(secs => %(resolution)s)
FROM staff_staffsession WHERE id = %(id)s AND user_id = %(user)s
    AND seen_at > clock_timestamp() - make_interval(secs => %(idle)s)
    AND created_at > clock_timestamp() - make_interval(secs => %(longest)s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSession:
    """A session that has not ended; `is_fresh` while its second factor was shown a short time ago."""

    id: UUID
    is_fresh: bool


def has_second_factor(user_id: UUID) -> bool:
    """Tell whether a person has a confirmed device."""
    return SecondFactor.objects.filter(user_id=user_id, confirmed_at__isnull=False).exists()


def use_session(session_id: UUID, user_id: UUID) -> LiveSession | None:
    """Return a person's session and note its use to the minute; None where it has ended."""
    values: dict[str, Any] = {
        "id": session_id,
        "user": user_id,
        "fresh": settings.STEP_UP_SECONDS,
        "idle": settings.SESSION_IDLE_SECONDS,
        "longest": settings.SESSION_MAX_SECONDS,
        "resolution": _RESOLUTION,
    }
    with connection.cursor() as cursor:
        cursor.execute(_USE, values)
        row = cursor.fetchone()
        if row is None:
            return None
        if row[1]:
            cursor.execute(
                "UPDATE staff_staffsession SET seen_at = clock_timestamp() WHERE id = %s", [session_id]
            )
    return LiveSession(id=session_id, is_fresh=row[0])


def list_sessions(user_id: UUID) -> QuerySet[StaffSession]:
    """Return a person's sessions that have not ended, last used first."""
    return StaffSession.objects.filter(
        user_id=user_id,
        seen_at__gt=Now() - timedelta(seconds=settings.SESSION_IDLE_SECONDS),
        created_at__gt=Now() - timedelta(seconds=settings.SESSION_MAX_SECONDS),
    ).order_by("-seen_at")


def count_recovery_codes(user_id: UUID) -> int:
    """Return how many recovery codes a person has left."""
    return RecoveryCode.objects.filter(
        factor__user_id=user_id, factor__confirmed_at__isnull=False, used_at__isnull=True
    ).count()
