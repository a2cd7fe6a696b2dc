"""The commands of this package: what was refused, or mended outside the database, leaves a trace too."""

from collections.abc import Mapping

from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.common.db import unit_of_work


def record_refusal(
    *, actor: Actor, action: str, subject_type: str, subject_id: str, data: Mapping[str, object] | None = None
) -> None:
    """Write that somebody tried what is refused; a transaction of its own, since nothing else happens.

    Not idempotent: each attempt is a row. Takes no locks.
    """
    unit_of_work(
        lambda: record_audit(
            actor=actor, action=action, subject_type=subject_type, subject_id=subject_id, data=data
        )
    )


def record_repair(
    *, actor: Actor, action: str, subject_type: str, subject_id: str, data: Mapping[str, object] | None = None
) -> None:
    """Write that something outside the database was mended, such as a run; a transaction of its own.

    Not idempotent: each repair is a row. Takes no locks.
    """
    unit_of_work(
        lambda: record_audit(
            actor=actor, action=action, subject_type=subject_type, subject_id=subject_id, data=data
        )
    )


def record_change(
    *, actor: Actor, action: str, subject_type: str, subject_id: str, data: Mapping[str, object] | None = None
) -> None:
    """Write a change that somebody else's code has committed; a transaction of its own.

    Not idempotent: each change is a row. Takes no locks.
    """
    unit_of_work(
        lambda: record_audit(
            actor=actor, action=action, subject_type=subject_type, subject_id=subject_id, data=data
        )
    )
