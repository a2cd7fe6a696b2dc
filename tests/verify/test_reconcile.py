"""`reconcile` on running parts: every kind of drift is found and mended, and a lost Temporal store too."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection, connections
from django.utils import timezone
from pytest_django import Settings

from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from holo.audit.models import AuditEvent
from holo.common.clock import database_now
from holo.common.db import unit_of_work
from holo.common.ids import uuid7
from holo.stack.temporal_server import TemporalServer
from inventory.models import Reservation, StockLevel
from inventory.operations import Owner, Want, reserve_stock
from inventory.selectors import list_stock_drift
from inventory.services import receive_stock
from orders import outside, services
from orders.drift import SEARCH_LAG
from orders.models import Order, Payment, SandboxCharge, SandboxFault
from orders.sandbox.faults import ANY_KEY
from orders.states import Status
from orders.subject import SUBJECT_TYPE, owner_of
from tests.conftest import OwnerAccess
from tests.live import Live, ends, eventually, reaches, run_status
from tests.orders import odd
from tests.planting import plant
from tests.stories import EAST_ONLY, MAC, PHONE, SOUTH_ONLY, Shop, build_shop
from tests.verify.conftest import run
from workflows.orders.contracts import OrderRef, order_workflow_id
from workflows.orders.drift import list_stuck_runs
from workflows.orders.workflow import OrderFulfilmentWorkflow
from workflows.runtime import client
from workflows.runtime.errors import TemporalUnavailableError
from workflows.runtime.reconcile import Drift, DriftKind, reconcile

# A queue that nobody serves: a run there stays open.
NOWHERE = "nowhere"
_LOSE = """
CREATE FUNCTION lose_signal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.delivered_at := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER lose_signal BEFORE INSERT ON outbox_outboxmessage FOR EACH ROW
    WHEN (NEW.topic <> 'orders.order_placed') EXECUTE FUNCTION lose_signal();
"""
_FIND = "DROP TRIGGER lose_signal ON outbox_outboxmessage; DROP FUNCTION lose_signal();"


@pytest.fixture
def shop(live: Live) -> Shop:
    """A shop with relay and worker running."""
    return build_shop()


@contextmanager
def signals_lost(owner: OwnerAccess) -> Iterator[None]:
    """Mark every signal as delivered that is announced meanwhile: its run never hears of it."""
    owner.execute(_LOSE)
    try:
        yield
    finally:
        owner.execute(_FIND)


def decide_about(shop: Shop, order: Order) -> None:
    request = ApprovalRequest.objects.get(subject_id=order.pk)
    verdict = ApprovalDecision.Verdict.APPROVE
    decide(actor=shop.auditor_actor, request_id=request.pk, verdict=verdict, reason="looked at it")


def waiting(shop: Shop, *skus: str, status: Status = Status.AWAITING_PAYMENT) -> Order:
    order = shop.place(*skus)
    reaches(order, status)
    eventually(lambda: run_status(order) == "RUNNING", what="the run")
    return order


def terminate(order: Order) -> None:
    client.terminate_workflow(workflow_id=order_workflow_id(order.pk), reason="planted")


def open_run(order_id: UUID) -> None:
    client.start_workflow(
        workflow=OrderFulfilmentWorkflow,
        workflow_id=order_workflow_id(order_id),
        task_queue=NOWHERE,
        input=OrderRef(order_id=order_id),
        after_success=True,
    )


def hold(shop: Shop, owner: Owner) -> Reservation:
    want = Want(product_id=shop.products[EAST_ONLY].pk, quantity=1)
    unit_of_work(
        lambda: reserve_stock(
            organization_id=shop.organization.pk, owner=owner, wants=[want], expires_at=database_now()
        )
    )
    return Reservation.objects.get(owner_id=owner.owner_id, state="held")


def outlive(owner: OwnerAccess, payment_id: UUID) -> None:
    """Let an attempt that was withdrawn be open, as where its order ended without it."""
    owner.execute(
        "ALTER TABLE orders_payment DISABLE TRIGGER orders_payment_one_way;"
        f"UPDATE orders_payment SET state = 'requested' WHERE id = '{payment_id}';"
        "ALTER TABLE orders_payment ENABLE ALWAYS TRIGGER orders_payment_one_way;"
    )


def captured_unrecorded(payment_id: UUID) -> None:
    """Let the gateway capture while nobody writes it down."""
    Payment.objects.filter(pk=payment_id).update(submitted_at=timezone.now())
    payment = Payment.objects.get(pk=payment_id)
    SandboxCharge.objects.create(
        key=str(payment_id),
        token=payment.token,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        state="captured",
        captures=1,
    )


def test_each_kind_of_drift_is_found_and_mended(shop: Shop, live_owner: OwnerAccess) -> None:
    """One of each of the eight kinds; the third is played for a decision and for a payment."""
    lost, told_late, paid_late, unrecorded, over = (
        waiting(shop, PHONE),
        waiting(shop, MAC, status=Status.AWAITING_APPROVAL),
        waiting(shop, PHONE),
        waiting(shop, PHONE),
        waiting(shop, PHONE),
    )
    shop.pay(over)
    ends(over, Status.COMPLETED)
    terminate(lost)
    with signals_lost(live_owner):
        decide_about(shop, told_late)
        shop.pay(paid_late)
        unrecorded_payment = shop.pay(unrecorded)
    captured_unrecorded(unrecorded_payment)
    nobody = uuid7()
    open_run(nobody)
    open_run(over.pk)
    stray, late = hold(shop, Owner(owner_type=SUBJECT_TYPE, owner_id=uuid7())), hold(shop, owner_of(over))
    shelf = StockLevel.objects.get(product__sku=PHONE)
    StockLevel.objects.filter(pk=shelf.pk).update(reserved=shelf.reserved + 1)
    seeded = {
        "order_without_run": {str(lost.pk)},
        "fact_not_applied": {str(told_late.pk), str(paid_late.pk)},
        "payment_not_recorded": {str(unrecorded_payment)},
        "run_without_order": {order_workflow_id(nobody)},
        "finished_order_with_run": {order_workflow_id(over.pk)},
        "hold_without_order": {str(stray.pk)},
        "hold_past_its_time": {str(late.pk)},
        "wrong_counter": {str(shelf.pk)},
    }
    audited = AuditEvent.objects.count()
    before = everything()
    dry = run("reconcile", "--grace", "0")
    assert (dry.code, dry.found(), dry.states()) == (3, seeded, {"found"})
    assert everything() == before
    assert run("verify", "--only", "I03,I19", "--grace", "0").violated() == {"I03", "I19"}

    applied = run("reconcile", "--apply", "--grace", "0")
    assert (applied.code, applied.found(), applied.states()) == (0, seeded, {"mended"})
    assert AuditEvent.objects.count() == audited + 9
    ends(paid_late, Status.COMPLETED)
    ends(unrecorded, Status.COMPLETED)
    reaches(told_late, Status.AWAITING_PAYMENT)
    again = run("reconcile", "--apply", "--grace", "0")
    assert (again.code, again.data["findings"]) == (0, [])

    for order in (lost, told_late):
        shop.pay(order)
        ends(order, Status.COMPLETED)
    assert SandboxCharge.objects.get(pk=str(unrecorded_payment)).captures == 1
    assert list_stock_drift(None) == []
    verified = run("verify")
    assert (verified.code, verified.violated()) == (0, set())


def everything() -> dict[str, object]:
    """Return what a dry run must leave alone: every row of every table, and the open runs."""
    rows: dict[str, object] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} t")
            rows[table] = cursor.fetchone()
    return rows | {order.number: run_status(order) for order in Order.objects.all()}


def test_terminated_runs_are_started_again_wherever_they_were(shop: Shop) -> None:
    """Between reservation and end: undecided, decided meanwhile, parked, and given up but not undone."""
    undecided = waiting(shop, MAC, status=Status.AWAITING_APPROVAL)
    decided = waiting(shop, MAC, status=Status.AWAITING_APPROVAL)
    given_up = waiting(shop, PHONE)
    parked = shop.place(EAST_ONLY, SOUTH_ONLY, carrier="fail")
    reaches(parked, Status.AWAITING_PAYMENT)
    fault = SandboxFault.objects.create(
        key=str(shop.pay(parked)), operation="refund", remaining=-1, lasting=True
    )
    reaches(parked, Status.NEEDS_ATTENTION, within=30)
    orders = (undecided, decided, given_up, parked)
    for order in orders:
        terminate(order)
    decide_about(shop, decided)
    services.cancel_order(actor=shop.seller_actor, order_id=given_up.pk)
    eventually(lambda: run("verify", "--only", "I27", "--grace", "0").code == 0, what="an empty outbox")

    answer = run("reconcile", "--apply", "--grace", "0")
    assert answer.found()["order_without_run"] == {str(order.pk) for order in orders}
    assert (answer.code, answer.states()) == (0, {"mended"})
    reaches(decided, Status.AWAITING_PAYMENT)
    ends(given_up, Status.CANCELLED)
    assert run_status(parked) == "RUNNING"
    fault.delete()
    services.request_retry(actor=shop.seller_actor, order_id=parked.pk)
    ends(parked, Status.REFUNDED)
    decide_about(shop, undecided)
    for order in (undecided, decided):
        reaches(order, Status.AWAITING_PAYMENT)
        shop.pay(order)
        ends(order, Status.COMPLETED)
    assert run("verify").code == 0


def test_payment_that_the_gateway_does_not_tell_of_is_parked(shop: Shop) -> None:
    """No run asks, and the gateway is silent: a person must know, and nothing is charged meanwhile."""
    order = waiting(shop, PHONE)
    terminate(order)
    payment = shop.pay(order)
    captured_unrecorded(payment)
    eventually(lambda: run("verify", "--only", "I27", "--grace", "0").code == 0, what="an empty outbox")
    silence = SandboxFault.objects.create(key=ANY_KEY, operation="lookup", remaining=-1)
    answer = run("reconcile", "--apply", "--grace", "0")
    assert answer.found()["payment_not_recorded"] == {str(payment)}
    assert (answer.code, answer.states()) == (0, {"mended"})
    reaches(order, Status.NEEDS_ATTENTION)
    assert order.parked_steps.get().step == f"charge_payment:{payment}"
    unseen = run("reconcile", "--grace", "0")
    assert (unseen.code, unseen.states()) == (1, {"unknown"})
    assert SandboxCharge.objects.get(pk=str(payment)).captures == 1
    silence.delete()
    services.request_retry(actor=shop.seller_actor, order_id=order.pk)
    ends(order, Status.COMPLETED)
    assert SandboxCharge.objects.get(pk=str(payment)).captures == 1
    assert run("verify").code == 0


def test_payment_that_outlived_its_order_is_given_back(shop: Shop, live_owner: OwnerAccess) -> None:
    order = waiting(shop, PHONE)
    with signals_lost(live_owner):
        payment = shop.pay(order)
    services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    ends(order, Status.CANCELLED)
    outlive(live_owner, payment)
    captured_unrecorded(payment)
    assert run("verify", "--only", "I15,I22").violated() == {"I15", "I22"}
    answer = run("reconcile", "--apply", "--grace", "0")
    assert (answer.code, answer.found()) == (0, {"payment_not_recorded": {str(payment)}})
    assert SandboxCharge.objects.get(pk=str(payment)).state == "refunded"
    assert Payment.objects.get(pk=payment).state == "refunded"
    assert run("verify").code == 0


def test_late_payment_that_the_gateway_does_not_know_is_closed_after_an_hour(
    shop: Shop, live_owner: OwnerAccess
) -> None:
    """A gateway's search may lag: "no such charge" counts once the hour is over, not before."""
    order = waiting(shop, PHONE)
    with signals_lost(live_owner):
        payment = shop.pay(order)
    services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    ends(order, Status.CANCELLED)
    sent = Payment.objects.filter(pk=payment)
    outlive(live_owner, payment)
    sent.update(submitted_at=database_now())
    early = run("reconcile", "--apply", "--grace", "0")
    assert (early.code, early.found()) == (3, {"payment_not_recorded": {str(payment)}})
    assert early.states() == {"not_mended"}
    assert sent.get().state == "requested"
    live_owner.execute("DROP TRIGGER orders_payment_set_once ON orders_payment")
    sent.update(submitted_at=database_now() - SEARCH_LAG)
    late = run("reconcile", "--apply", "--grace", "0")
    assert (late.code, late.states()) == (0, {"mended"})
    assert sent.get().state == "withdrawn"
    assert run("verify").code == 0


def test_one_row_that_cannot_be_looked_at_does_not_hide_the_others(
    shop: Shop, live_owner: OwnerAccess, settings: Settings
) -> None:
    """Of three payments that outlived their orders, the gateway says nonsense of the first."""
    settings.PAYMENT_GATEWAY = "tests.orders.odd.OddGateway"
    outside.payment_gateway.cache_clear()
    odd.heal(healed=False)
    payments = []
    for token in ("odd:any:value_error", "tok_ok", "tok_ok"):
        order = waiting(shop, PHONE)
        with signals_lost(live_owner):
            payments.append(shop.pay(order))
        services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
        ends(order, Status.CANCELLED)
        outlive(live_owner, payments[-1])
        captured_unrecorded(payments[-1])
        plant(SandboxCharge.objects.filter(pk=str(payments[-1])), token=token)
    answer = run("reconcile", "--apply", "--grace", "0")
    states = {finding["key"]: finding["state"] for finding in answer.data["findings"]}
    assert states == dict(zip(map(str, payments), ("unknown", "mended", "mended"), strict=True))
    assert answer.code == 1
    (unknown,) = (one["detail"] for one in answer.data["findings"] if one["state"] == "unknown")
    assert unknown.startswith("lookup failed: ValueError: card [card number] with sk_[redacted]")
    odd.heal()
    again = run("reconcile", "--apply", "--grace", "0")
    assert (again.code, again.found()) == (0, {"payment_not_recorded": {str(payments[0])}})
    assert run("verify").code == 0
    outside.payment_gateway.cache_clear()


def test_mending_that_fails_is_reported_and_the_rest_is_mended() -> None:
    def fails() -> str:
        raise ValueError("no card 4242424242424242\nand more")

    drifts = [Drift(key="a", detail="", mend=fails), Drift(key="b", detail="", mend=lambda: "done")]

    def broken(grace: timedelta) -> Iterator[Drift]:
        yield Drift(key="c", detail="", mend=lambda: "done")
        raise KeyError("state")

    kinds = [
        DriftKind(name="one", title="", find=lambda grace: iter(drifts)),
        DriftKind(name="two", title="", find=broken),
        DriftKind(name="three", title="", find=lambda grace: iter(drifts[1:])),
    ]
    outcome = reconcile(kinds, apply=True, grace=timedelta(0), settling=timedelta(0))
    states = [(one.kind, one.key, one.state) for one in outcome.findings]
    assert ("one", "a", "failed") in states
    assert ("two", "two", "unknown") in states
    assert {key for _kind, key, _state in states} == {"a", "b", "c", "two"}
    assert outcome.findings[0].note == "ValueError: no card [card number]"


def test_run_whose_code_fails_is_no_run_that_gets_on(shop: Shop) -> None:
    """No worker has the code that it names, so each of its tasks fails and is tried again."""
    order = waiting(shop, PHONE)
    terminate(order)
    client.start_workflow(
        workflow="FulfilmentOfAnotherRelease",
        workflow_id=order_workflow_id(order.pk),
        task_queue="orders",
        input=OrderRef(order_id=order.pk),
        again=True,
    )
    eventually(lambda: list(list_stuck_runs(attempts=2)), within=60.0, what="a second attempt")
    assert run_status(order) == "RUNNING"


def test_more_held_than_there_is_needs_a_person(shop: Shop, live_owner: OwnerAccess) -> None:
    order = waiting(shop, PHONE)
    shelf = StockLevel.objects.get(product__sku=PHONE)
    StockLevel.objects.filter(pk=shelf.pk).update(reserved=0, on_hand=0)
    answer = run("reconcile", "--apply", "--grace", "0")
    assert (answer.code, answer.states()) == (3, {"not_mended"})
    shelf.refresh_from_db()
    assert (shelf.on_hand, shelf.reserved) == (0, 0)
    assert order.status


def test_load_is_no_drift_and_no_violation(shop: Shop) -> None:
    """Orders of every kind come and go while both commands look, without any grace for lost runs."""
    stop = threading.Event()
    placed: list[Order] = []

    def buy() -> None:
        while not stop.is_set():
            order = shop.place(*((EAST_ONLY, SOUTH_ONLY) if len(placed) % 3 else (PHONE,)))
            placed.append(order)
            reaches(order, Status.AWAITING_PAYMENT, within=60)
            if len(placed) % 4 == 0:
                services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
            else:
                shop.pay(order, "tok_declined" if len(placed) % 5 == 0 else "tok_ok")
        connections.close_all()

    for sku in (PHONE, EAST_ONLY, SOUTH_ONLY):
        stock(shop, sku)
    buyers = [threading.Thread(target=buy) for _ in range(3)]
    for buyer in buyers:
        buyer.start()
    try:
        eventually(lambda: len(placed) >= 5, what="orders under way")
        answers = [run(command) for _ in range(4) for command in ("verify", "reconcile")]
    finally:
        stop.set()
        for buyer in buyers:
            buyer.join(60)
    assert [answer.code for answer in answers] == [0] * 8
    assert len(placed) > 10


def stock(shop: Shop, sku: str) -> None:
    code = "SOUTH" if sku == SOUTH_ONLY else "EAST"
    receive_stock(
        actor=shop.seller_actor,
        warehouse_id=shop.warehouses[code].pk,
        product_id=shop.products[sku].pk,
        quantity=1000,
    )


def test_deleted_store_of_temporal_is_made_up_for(
    shop: Shop, live: Live, own_temporal: TemporalServer
) -> None:
    """Orders at every wait and in the middle of a charge; one is decided and one paid while it is gone."""
    unpaid, paid_meanwhile = waiting(shop, PHONE), waiting(shop, PHONE)
    undecided = waiting(shop, MAC, status=Status.AWAITING_APPROVAL)
    decided_meanwhile = waiting(shop, MAC, status=Status.AWAITING_APPROVAL)
    too_late = shop.place(PHONE, payment_deadline_seconds=2)
    reaches(too_late, Status.AWAITING_PAYMENT)
    charging = waiting(shop, EAST_ONLY, SOUTH_ONLY)
    slow = shop.pay(charging, "tok_slow")
    eventually(lambda: SandboxCharge.objects.filter(pk=str(slow)).exists(), what="the charge")
    own_temporal.stop()
    assert run("verify", "--only", "I19").code == 1
    with pytest.raises(TemporalUnavailableError):
        run("reconcile")
    shop.pay(paid_meanwhile)
    decide_about(shop, decided_meanwhile)
    placed_meanwhile = shop.place(PHONE)
    forget_everything(own_temporal)

    reaches(placed_meanwhile, Status.AWAITING_PAYMENT, within=30)
    eventually(lambda: run("verify", "--only", "I27", "--grace", "0").code == 0, what="an empty outbox")
    assert run("verify", "--only", "I19").violated() == {"I19"}
    answer = run("reconcile", "--apply")
    assert answer.found() == {
        "order_without_run": {
            str(order.pk)
            for order in (unpaid, paid_meanwhile, undecided, decided_meanwhile, too_late, charging)
        }
    }
    assert (answer.code, answer.states()) == (0, {"mended"})
    ends(charging, Status.COMPLETED, within=30)
    ends(paid_meanwhile, Status.COMPLETED)
    ends(too_late, Status.CANCELLED)
    decide_about(shop, undecided)
    for order in (unpaid, placed_meanwhile, undecided, decided_meanwhile):
        reaches(order, Status.AWAITING_PAYMENT)
        shop.pay(order)
        ends(order, Status.COMPLETED)
    assert set(SandboxCharge.objects.values_list("captures", flat=True)) == {1}
    assert set(Order.objects.values_list("status", flat=True)) == {Status.COMPLETED, Status.CANCELLED}
    assert run("reconcile").data["findings"] == []
    assert run("verify").code == 0


def forget_everything(server: TemporalServer) -> None:
    """Delete the store of the stopped server and start it empty."""
    assert server.db_file is not None
    for file in server.db_file.parent.glob(f"{server.db_file.name}*"):
        file.unlink()
    server.start()
    server.wait_ready()
