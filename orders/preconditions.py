"""Which steps an order allows, by its status and phase.

Each step is checked under the order's lock, because anybody who can reach Temporal can start any activity
with any id. A step that finds nothing left to do is a no-op in every state.
"""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _

from orders.errors import StepNotAllowedError
from orders.models import Order
from orders.operations import is_aborted, is_handed_over
from orders.states import Status


class Phase(StrEnum):
    """On which side of its two irreversible decisions an order is; the database excludes both at once."""

    OPEN = "open"
    ABORTED = "aborted"
    HANDED_OVER = "handed over"


@dataclass(frozen=True, slots=True)
class Precondition:
    """The phases and statuses in which a step may change rows or call a gateway or carrier."""

    phases: frozenset[Phase]
    statuses: frozenset[Status]


def _when(phase: Phase, *statuses: Status) -> Precondition:
    return Precondition(phases=frozenset({phase}), statuses=frozenset(statuses))


_UNDOING = (Status.AWAITING_APPROVAL, Status.AWAITING_PAYMENT, Status.FULFILLING)

# `needs_attention` is in no row: a parked order waits for its operator, whose retry moves it back first.
PRECONDITIONS: dict[str, Precondition] = {
    "reserve_stock": _when(Phase.OPEN, Status.PLACED),
    "apply_decision": _when(Phase.OPEN, Status.AWAITING_APPROVAL),
    "expire_payment": _when(Phase.OPEN, Status.AWAITING_PAYMENT),
    "send_charge": _when(Phase.OPEN, Status.AWAITING_PAYMENT),
    # What may have reached the gateway is settled even for an order that was given up.
    "settle_charge": Precondition(
        phases=frozenset({Phase.OPEN, Phase.ABORTED}), statuses=frozenset({Status.AWAITING_PAYMENT})
    ),
    "create_label": _when(Phase.OPEN, Status.FULFILLING),
    "fail_shipment": _when(Phase.OPEN, Status.FULFILLING),
    "hand_over": _when(Phase.HANDED_OVER, Status.FULFILLING),
    "void_label": _when(Phase.ABORTED, Status.FULFILLING),
    "refund_payment": _when(Phase.ABORTED, Status.AWAITING_PAYMENT, Status.FULFILLING),
    "release_stock": _when(Phase.ABORTED, *_UNDOING),
    "close_order": _when(Phase.ABORTED, Status.PLACED, *_UNDOING),
}


def phase_of(order: Order) -> Phase:
    """Return the phase of a locked order."""
    if is_aborted(order):
        return Phase.ABORTED
    return Phase.HANDED_OVER if is_handed_over(order) else Phase.OPEN


def require_step(order: Order, step: str) -> None:
    """Refuse a step that the locked order's state does not allow. Raises StepNotAllowedError."""
    needed = PRECONDITIONS[step]
    if phase_of(order) not in needed.phases or order.status not in needed.statuses:
        raise refusal(order, step)


def refusal(order: Order, step: str, left: str = "") -> StepNotAllowedError:
    """Return the error of a step that the order's rows do not allow; `left` is what must be undone first."""
    needed = PRECONDITIONS[step]
    return StepNotAllowedError(
        _("%(step)s is not allowed: the order is %(status)s") % {"step": step, "status": order.status},
        step=step,
        phase=str(phase_of(order)),
        status=order.status,
        allowed_phases=sorted(needed.phases),
        allowed_statuses=sorted(needed.statuses),
        left=left,
    )
