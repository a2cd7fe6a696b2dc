"""Two commands at the same instant on one order: exactly one wins, and the loser is told which."""

import random
import threading
from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest
from django.db import connection, transaction

from holo.approvals.errors import AlreadyDecidedError, RequestExpiredError, RequestWithdrawnError
from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from holo.common.clock import database_now
from holo.common.errors import DomainError
from orders import services
from orders.errors import (
    NotCancellableError,
    NotPayableError,
    PaymentDeadlinePassedError,
    PaymentOpenError,
)
from orders.models import Order, OrderAbort, OrderHandover, Payment
from orders.states import Status
from orders.steps import Next
from tests.racing import duel, race
from tests.stories import MAC, PHONE, Shop, actor_of, build_person, build_shop, charge, label, reserve

APPROVE, REJECT = ApprovalDecision.Verdict.APPROVE, ApprovalDecision.Verdict.REJECT
# A twentieth of the 200 rounds that the full proof runs.
ROUNDS = 10


@pytest.fixture
def shop(fresh_database: str) -> Shop:
    """A shop on a database of its own."""
    return build_shop(stock=1000)


def awaiting_approval(shop: Shop) -> tuple[Order, ApprovalRequest]:
    order = shop.place(MAC)
    reserve(order)
    return order, ApprovalRequest.objects.get(subject_id=order.pk)


def move_payment_deadline(order_id: UUID, milliseconds: int) -> None:
    """Set the deadline to just after the database's now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orders_order SET payment_deadline = clock_timestamp() + %s * interval '1 ms'"
            " WHERE id = %s",
            [milliseconds, order_id],
        )


def test_positive_control_unlocked_check_lets_two_decisions_through(shop: Shop) -> None:
    """Reading the state without its lock shows the race that the lock closes."""
    _order, request = awaiting_approval(shop)
    both_have_looked = threading.Barrier(2)

    def careless() -> bool:
        with transaction.atomic():
            found = ApprovalRequest.objects.get(pk=request.pk)
            both_have_looked.wait(10)
            return found.state == "open"

    assert race([careless, careless]) == [True, True]


def test_fifty_decisions_at_once_leave_one(shop: Shop) -> None:
    people = [build_person(shop.organization, f"auditor{n}", auditor=True) for n in range(10)]
    order, request = awaiting_approval(shop)
    calls: list[Callable[[], object]] = [
        partial(decide, actor=actor_of(person, shop.organization), request_id=request.pk, verdict=verdict)
        for person in people
        for verdict in (APPROVE, REJECT, APPROVE, REJECT, APPROVE)
    ]
    results = race(calls)
    winners = [result for result in results if not isinstance(result, Exception)]
    losers = [result for result in results if isinstance(result, Exception)]
    assert len(winners) == 1
    assert {type(loser) for loser in losers} == {AlreadyDecidedError}
    request.refresh_from_db()
    assert {loser.details["state"] for loser in losers if isinstance(loser, DomainError)} == {request.state}
    assert ApprovalDecision.objects.filter(request=request).count() == 1
    step = services.settle_approval(order_id=order.pk)
    assert (step.next == Next.PAYMENT) == (request.state == "approved")


def test_decide_against_expire_has_one_winner(shop: Shop) -> None:
    outcomes: set[str] = set()
    for _ in range(ROUNDS):
        order = shop.place(MAC, approval_deadline_seconds=1)
        reserve(order)
        request = ApprovalRequest.objects.get(subject_id=order.pk)
        remaining = (request.deadline - database_now()).total_seconds()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(%s)", [max(0.0, remaining - 0.002)])
        decided, settled = duel(
            partial(decide, actor=shop.auditor_actor, request_id=request.pk, verdict=APPROVE),
            partial(services.settle_approval, order_id=order.pk),
        )
        if isinstance(decided, Exception):
            assert isinstance(decided, RequestExpiredError)
            assert services.settle_approval(order_id=order.pk).next == Next.UNWIND
            outcomes.add("expired")
        else:
            assert services.settle_approval(order_id=order.pk).next == Next.PAYMENT
            outcomes.add("decided")
        assert not isinstance(settled, Exception)
    assert outcomes <= {"expired", "decided"}


def test_pay_against_expire_has_one_winner(shop: Shop) -> None:
    for _ in range(ROUNDS):
        order = shop.place(PHONE)
        reserve(order)
        move_payment_deadline(order.pk, random.randint(0, 8))
        paid, settled = duel(partial(shop.pay, order), partial(services.settle_payment, order_id=order.pk))
        assert not isinstance(settled, Exception)
        aborted = OrderAbort.objects.filter(order=order).exists()
        if isinstance(paid, Exception):
            assert isinstance(paid, NotPayableError | PaymentDeadlinePassedError)
            assert services.settle_payment(order_id=order.pk).next in (Next.UNWIND, Next.PAYMENT)
        else:
            assert not aborted
            assert services.settle_payment(order_id=order.pk).next == Next.CHARGE


def test_cancel_against_handover_has_one_winner(shop: Shop) -> None:
    winners: set[bool] = set()
    for _ in range(ROUNDS):
        order = shop.place(PHONE)
        reserve(order)
        (shipment,) = charge(shop.pay(order)).shipment_ids
        label(shipment)
        cancelled, begun = duel(
            partial(services.cancel_order, actor=shop.seller_actor, order_id=order.pk),
            partial(services.begin_handover, order_id=order.pk),
        )
        handed_over = OrderHandover.objects.filter(order=order).exists()
        assert OrderAbort.objects.filter(order=order).exists() != handed_over
        assert isinstance(cancelled, NotCancellableError) == handed_over
        assert not isinstance(begun, Exception)
        winners.add(handed_over)
    assert winners <= {True, False}


def test_cancel_against_decide_has_one_winner(shop: Shop) -> None:
    for _ in range(ROUNDS):
        order, request = awaiting_approval(shop)
        cancelled, decided = duel(
            partial(services.cancel_order, actor=shop.seller_actor, order_id=order.pk),
            partial(decide, actor=shop.auditor_actor, request_id=request.pk, verdict=APPROVE),
        )
        request.refresh_from_db()
        assert not isinstance(cancelled, Exception)
        assert isinstance(decided, RequestWithdrawnError) == (request.state == "withdrawn")
        assert services.settle_approval(order_id=order.pk).next == Next.UNWIND


def test_many_payments_at_once_open_one(shop: Shop) -> None:
    order = shop.place(PHONE)
    reserve(order)
    results = race([partial(shop.pay, order)] * 20)
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert {type(result) for result in results if isinstance(result, Exception)} == {PaymentOpenError}
    assert Payment.objects.filter(order=order).count() == 1


def test_hundred_buyers_of_ten_units_buy_ten(fresh_database: str) -> None:
    shop = build_shop(stock=10)
    results = race([lambda: reserve(shop.place(PHONE)) for _ in range(100)], timeout=120)
    assert not [result for result in results if isinstance(result, Exception)]
    statuses = list(Order.objects.values_list("status", flat=True))
    assert statuses.count(Status.AWAITING_PAYMENT) == 10
    assert statuses.count(Status.OUT_OF_STOCK) == 90
    assert shop.stock()[PHONE] == (10, 10)
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert cursor.fetchone() == (0,)
