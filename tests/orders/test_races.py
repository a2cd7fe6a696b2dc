"""Two commands at the same instant on one order: exactly one wins, and the loser is told which."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import psycopg
import pytest
from django.db import connection, transaction

from holo.approvals.errors import AlreadyDecidedError, RequestExpiredError, RequestWithdrawnError
from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from holo.common.clock import database_now
from holo.common.errors import BusyError, DomainError
from holo.stack.postgres import PostgresServer
from orders import services, settlement
from orders.errors import (
    NotCancellableError,
    NotPayableError,
    OutOfStockError,
    PaymentDeadlinePassedError,
    PaymentOpenError,
)
from orders.models import Order, OrderAbort, OrderHandover, Payment
from orders.states import Status
from orders.steps import Next
from tests.proof import FULL, Proof, dice, rounds
from tests.racing import duel, race
from tests.stories import CARRIER, MAC, PHONE, Shop, actor_of, build_person, build_shop, charge

APPROVE, REJECT = ApprovalDecision.Verdict.APPROVE, ApprovalDecision.Verdict.REJECT
ROUNDS = rounds(200)
# How long after the start of the duel a deadline lies, in milliseconds; before it where negative.
JITTER = (-4, 30)


@pytest.fixture
def shop(fresh_database: str) -> Shop:
    """A shop on a database of its own."""
    return build_shop(stock=1000)


def awaiting_approval(shop: Shop) -> tuple[Order, ApprovalRequest]:
    order = shop.place(MAC)
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
            both_have_looked.wait(60)
            return found.state == "open"

    assert race([careless, careless]) == [True, True]


@pytest.mark.prove
def test_fifty_decisions_at_once_leave_one(shop: Shop, proof: Proof) -> None:
    people = [build_person(shop.organization, f"auditor{n}", auditor=True) for n in range(10)]
    actors = [actor_of(person, shop.organization) for person in people]
    winners: Counter[str] = Counter()
    for _ in range(ROUNDS):
        order, request = awaiting_approval(shop)
        calls: list[Callable[[], object]] = [
            partial(decide, actor=actor, request_id=request.pk, verdict=verdict)
            for actor in actors
            for verdict in (APPROVE, REJECT, APPROVE, REJECT, APPROVE)
        ]
        losers = [result for result in race(calls) if isinstance(result, Exception)]
        assert len(losers) == len(calls) - 1
        assert {type(loser) for loser in losers} == {AlreadyDecidedError}
        request.refresh_from_db()
        assert {loser.details["state"] for loser in losers if isinstance(loser, DomainError)} == {
            request.state
        }
        assert ApprovalDecision.objects.filter(request=request).count() == 1
        step = services.settle_approval(order_id=order.pk)
        assert (step.next == Next.PAYMENT) == (request.state == "approved")
        winners[request.state] += 1
    proof.note(rounds=ROUNDS, deciders=50, persons=10, winners=dict(winners))


def sleep_until(moment: datetime, *, plus_milliseconds: int) -> None:
    """Sleep by the database's clock, which judges the deadline."""
    remaining = (moment - database_now()).total_seconds() + plus_milliseconds / 1000
    time.sleep(max(0.0, remaining))


@pytest.mark.prove
def test_decide_against_expire_has_one_winner(shop: Shop, proof: Proof) -> None:
    winners: Counter[str] = Counter()
    chance = dice("decide against expire")
    for _ in range(0, ROUNDS, 5):
        # Five at a time, a little apart, for the shortest deadline is a second.
        orders = []
        for _order in range(5):
            orders.append(shop.place(MAC, approval_deadline_seconds=1))
            time.sleep(0.08)
        for order in orders:
            request = ApprovalRequest.objects.get(subject_id=order.pk)
            sleep_until(request.deadline, plus_milliseconds=-chance.randint(*JITTER))
            decided, settled = duel(
                partial(decide, actor=shop.auditor_actor, request_id=request.pk, verdict=APPROVE),
                partial(services.settle_approval, order_id=order.pk),
            )
            assert not isinstance(settled, Exception)
            step = services.settle_approval(order_id=order.pk)
            if isinstance(decided, Exception):
                assert isinstance(decided, RequestExpiredError)
                assert decided.details["state"] == "expired"
                assert step.next == Next.UNWIND
            else:
                assert step.next == Next.PAYMENT
            winners[step.next] += 1
    assert len(winners) == 2 or not FULL, winners
    proof.note(rounds=ROUNDS, winners=dict(winners))


def test_deadline_that_passes_after_the_check_is_told_as_such(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard of the database judges once more; who loses to it is refused like any other."""
    order = shop.place(MAC, approval_deadline_seconds=0)
    request = ApprovalRequest.objects.get(subject_id=order.pk)
    just_before = request.deadline - timedelta(milliseconds=1)
    monkeypatch.setattr("holo.approvals.services.database_now", lambda: just_before)
    with pytest.raises(RequestExpiredError):
        decide(actor=shop.auditor_actor, request_id=request.pk, verdict=APPROVE)
    assert not ApprovalDecision.objects.exists()


@pytest.mark.prove
def test_pay_against_expire_has_one_winner(shop: Shop, proof: Proof) -> None:
    """A payment committed in time is honoured although the timer asks at the same instant."""
    winners: Counter[str] = Counter()
    chance = dice("pay against expire")
    for _ in range(ROUNDS):
        order = shop.place(PHONE)
        move_payment_deadline(order.pk, chance.randint(*JITTER))
        paid, settled = duel(partial(shop.pay, order), partial(services.settle_payment, order_id=order.pk))
        assert not isinstance(settled, Exception)
        if isinstance(paid, Exception):
            assert isinstance(paid, NotPayableError | PaymentDeadlinePassedError)
            assert isinstance(paid, DomainError)
            assert paid.details["status"] == Status.AWAITING_PAYMENT
            time.sleep(JITTER[1] / 1000)
            assert services.settle_payment(order_id=order.pk).next == Next.UNWIND
            assert OrderAbort.objects.filter(order=order).exists()
            winners["expired"] += 1
        else:
            assert not OrderAbort.objects.filter(order=order).exists()
            assert services.settle_payment(order_id=order.pk).next == Next.CHARGE
            winners["paid"] += 1
    assert len(winners) == 2 or not FULL, winners
    proof.note(rounds=ROUNDS, winners=dict(winners))


@pytest.mark.prove
def test_cancel_against_handover_has_one_winner(shop: Shop, proof: Proof) -> None:
    winners: Counter[str] = Counter()
    for _ in range(ROUNDS):
        order = shop.place(PHONE)
        (shipment,) = charge(shop.pay(order)).shipment_ids
        outcome = settlement.request_label(CARRIER, services.begin_label(shipment_id=shipment))
        cancelled, begun = duel(
            partial(services.cancel_order, actor=shop.seller_actor, order_id=order.pk),
            partial(services.record_label, shipment_id=shipment, outcome=outcome),
        )
        handed_over = OrderHandover.objects.filter(order=order).exists()
        assert OrderAbort.objects.filter(order=order).exists() != handed_over
        assert isinstance(cancelled, NotCancellableError) == handed_over
        assert not isinstance(begun, Exception)
        winners["handed over" if handed_over else "cancelled"] += 1
    assert len(winners) == 2 or not FULL, winners
    proof.note(rounds=ROUNDS, winners=dict(winners))


@pytest.mark.prove
def test_cancel_against_decide_has_one_winner(shop: Shop, proof: Proof) -> None:
    winners: Counter[str] = Counter()
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
        winners[request.state] += 1
    proof.note(rounds=ROUNDS, winners=dict(winners))


def test_many_payments_at_once_open_one(shop: Shop) -> None:
    order = shop.place(PHONE)
    results = race([partial(shop.pay, order)] * 20)
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert {type(result) for result in results if isinstance(result, Exception)} == {PaymentOpenError}
    assert Payment.objects.filter(order=order).count() == 1


@pytest.mark.prove
def test_hundred_buyers_of_ten_units_buy_ten(fresh_database: str, proof: Proof) -> None:
    shop = build_shop(stock=10)
    results = race([partial(shop.place, PHONE)] * 100, timeout=120)
    refused = [result for result in results if isinstance(result, Exception)]
    assert {type(result) for result in refused} == {OutOfStockError}
    assert len(refused) == 90
    assert list(Order.objects.values_list("status", flat=True)) == [Status.AWAITING_PAYMENT] * 10
    assert shop.stock()[PHONE] == (10, 10)
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert cursor.fetchone() == (0,)
    proof.note(buyers=100, units=10, sold=10, deadlocks=0)


@pytest.mark.prove
def test_stock_row_held_by_a_third_party_is_busy_in_time(
    shop: Shop, fresh_database: str, postgres: PostgresServer, proof: Proof
) -> None:
    """The third party would hold it for ten seconds; who asks is told in 3.5 s and keeps no transaction."""
    with psycopg.connect(postgres.app_url(fresh_database)) as third_party:
        third_party.execute("SELECT 1 FROM inventory_stocklevel FOR UPDATE")
        began = time.monotonic()
        (outcome,) = race([partial(shop.place, PHONE)], again_when_busy=False)
        waited = time.monotonic() - began
        assert isinstance(outcome, BusyError)
        assert waited <= 3.5
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND state LIKE 'idle in transaction%%' AND pid <> %s",
                [third_party.info.backend_pid],
            )
            assert cursor.fetchone() == (0,)
    assert shop.place(PHONE).status == Status.AWAITING_PAYMENT
    proof.note(seconds_until_told=round(waited, 2))
