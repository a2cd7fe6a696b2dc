"""The scenarios: what is ordered, what people then do, and how it must end."""

from django.utils.translation import gettext_lazy

from orders.demo.answers import OrderView
from orders.demo.order_run import OrderRun, Scenario, Stage

PAYMENT_DEADLINE_SECONDS = 2
_DECLINES = 3


def _pay(run: OrderRun) -> None:
    run.wait_for("awaiting_payment")
    run.expect_held()
    run.pay("tok_ok")


def _reject(run: OrderRun) -> None:
    run.decide("REJECT", "The customer is not known to us.")


def _approve_and_pay(run: OrderRun) -> None:
    run.decide("APPROVE", "Checked by phone.")
    run.pay("tok_ok")


def _do_nothing(run: OrderRun) -> None:
    """Nobody pays; the timer decides."""


def _be_declined(run: OrderRun) -> None:
    for declined in range(1, _DECLINES + 1):
        run.pay("tok_declined")
        run.wait_for_declines(declined)


_PAID = ("placed", "awaiting_payment", "fulfilling", "completed")
_APPROVED = ("placed", "awaiting_approval", "awaiting_payment", "fulfilling", "completed")

SCENARIOS = (
    Scenario(
        key="A1",
        title=gettext_lazy("one iPhone, paid"),
        items=("iPhone15",),
        path=_PAID,
        act=_pay,
        payments=("captured",),
        warehouses=frozenset({"SHA"}),
    ),
    Scenario(
        key="A2",
        title=gettext_lazy("a basket from two warehouses"),
        items=("AirPodsPro", "AppleWatch", "AppleWatch"),
        path=_PAID,
        act=_pay,
        payments=("captured",),
        warehouses=frozenset({"SHA", "CAN"}),
    ),
    Scenario(
        key="B1",
        title=gettext_lazy("¥20,000, rejected by a person"),
        items=("MacPro",),
        path=("placed", "awaiting_approval", "rejected"),
        reason="approval_rejected",
        act=_reject,
        kinds=frozenset({"stock_released"}),
    ),
    Scenario(
        key="B2",
        title=gettext_lazy("¥20,000, approved and paid"),
        items=("MacPro",),
        path=_APPROVED,
        act=_approve_and_pay,
        payments=("captured",),
        warehouses=frozenset({"SHA"}),
    ),
    Scenario(
        key="C",
        title=gettext_lazy("never paid, ended by the timer"),
        items=("iPhone15",),
        path=("placed", "awaiting_payment", "cancelled"),
        reason="payment_deadline",
        act=_do_nothing,
        kinds=frozenset({"stock_released"}),
        sandbox={"payment_deadline_seconds": PAYMENT_DEADLINE_SECONDS},
        at_least_seconds=PAYMENT_DEADLINE_SECONDS,
    ),
    Scenario(
        key="D1",
        title=gettext_lazy("three declined payments"),
        items=("iPhone15",),
        path=("placed", "awaiting_payment", "payment_failed"),
        reason="payment_declined",
        act=_be_declined,
        payments=("declined",) * _DECLINES,
        kinds=frozenset({"stock_released"}),
    ),
    Scenario(
        key="D2",
        title=gettext_lazy("paid, then refused by the carrier"),
        items=("AirPodsPro", "AppleWatch"),
        path=("placed", "awaiting_payment", "fulfilling", "refunded"),
        reason="carrier_refused",
        act=_pay,
        payments=("refunded",),
        kinds=frozenset({"shipment_refused", "payment_refunded", "stock_released"}),
        sandbox={"carrier": "fail"},
    ),
)
WAITING = Scenario(
    key="E",
    title=gettext_lazy("¥20,000, left for you to decide"),
    items=("MacPro",),
    path=("placed", "awaiting_approval"),
    act=_do_nothing,
)


def leave_waiting(stage: Stage) -> OrderView:
    """Place an order that stays until somebody decides. Raises as `play`, and UnexpectedError, ApiError."""
    run = OrderRun(stage, WAITING)
    run.place()
    run.wait_for("awaiting_approval")
    assert run.order is not None
    return run.order
