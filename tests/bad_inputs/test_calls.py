"""Every row about what only services meet: the refusal has its code, and nothing is left behind."""

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import NoReturn
from uuid import UUID

import pytest
from django.conf import LazySettings, settings
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from temporalio.api.common.v1 import Payload

from holo.apiauth.services import (
    create_api_key,
    create_authorization_code,
    decide_authorization_code,
    exchange_authorization_code,
    rotate_api_key,
)
from holo.apiauth.services.codes import MAX_PER_ADDRESS
from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from holo.common.actor import Actor, OrganizationId, system_actor
from holo.common.api.problems import as_domain_error
from holo.common.db import unit_of_work
from holo.common.errors import DomainError
from holo.common.ids import uuid7
from holo.common.money import Money
from holo.identity.models import UserChange
from holo.identity.roles import Role
from holo.identity.services import (
    accept_invitation,
    delete_user,
    invite_member,
    issue_invitation_link,
    revoke_invitation,
)
from holo.secretstore.keyring import make_entry, parse_keyring
from holo.secretstore.places import INSTALLATION
from holo.secretstore.services import get_secret_or_raise, set_secret
from holo.stack.ports import free_port
from inventory.models import Product
from inventory.operations import Owner, Want, extend_reservation, reserve_stock
from inventory.services import create_product, create_warehouse, receive_stock
from orders import settlement
from orders.locks import lock_order
from orders.operations import record_event
from orders.outside import CheckedCarrier
from orders.ports import CarrierRefusedError, Label, Parcel
from orders.services import begin_refund
from orders.states import Status
from tests.api.people import build_person
from tests.bad_inputs.cases.calls import CALLS
from tests.bad_inputs.cases.rows import Call
from tests.bad_inputs.world import (
    World,
    a_user_change,
    awaiting_approval,
    awaiting_payment,
    changed,
    placed,
    written,
)
from tests.stories import PHONE, actor_of, charge
from workflows.runtime import client
from workflows.runtime.sealing import SealingCodec

Act = Callable[[], object]
_SCENES: dict[str, Callable[[World], Act]] = {}
_ADDRESSES = itertools.count(1)


def scene(name: str) -> Callable[[Callable[[World], Act]], Callable[[World], Act]]:
    """Register what prepares a row and returns the call that is refused."""

    def register(prepare: Callable[[World], Act]) -> Callable[[World], Act]:
        _SCENES[name] = prepare
        return prepare

    return register


@pytest.fixture
def _fresh_client() -> Iterator[None]:
    """Connect anew before and after: the address changes meanwhile."""
    client.close()
    yield
    client.close()


@pytest.mark.usefixtures("_fresh_client", "temporal")
@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{case.id}-{case.scene}".replace(" ", "-")) for case in CALLS]
)
def test_call_is_refused(world: World, case: Call, settings: LazySettings) -> None:
    if case.scene == "no temporal":
        settings.TEMPORAL_ADDRESS = f"127.0.0.1:{free_port()}"
    act = _SCENES[case.scene](world)
    before = written()
    with pytest.raises(DomainError) as refusal:
        act()
    assert refusal.value.code == case.code
    assert refusal.value.message
    assert changed(before) == case.notes


def test_every_call_is_prepared() -> None:
    assert {case.scene for case in CALLS} == set(_SCENES)


# --- Stock ----------------------------------------------------------------------------------------


def _hold(world: World, owner: Owner) -> object:
    return reserve_stock(
        organization_id=world.shop.organization.pk,
        owner=owner,
        wants=[Want(product_id=world.shop.products[PHONE].pk, quantity=1)],
        expires_at=timezone.now() + timedelta(hours=1),
    )


@scene("hold twice")
def _hold_twice(world: World) -> Act:
    owner = Owner(owner_type="test", owner_id=uuid7())
    unit_of_work(lambda: _hold(world, owner))
    return lambda: unit_of_work(lambda: _hold(world, owner))


@scene("hold ended")
def _hold_ended(world: World) -> Act:
    owner = Owner(owner_type="test", owner_id=uuid7())
    return lambda: unit_of_work(lambda: extend_reservation(owner=owner, expires_at=timezone.now()))


def _product(world: World, sku: str, minor: int) -> Product:
    price = Money(minor=minor, currency="CNY")
    return create_product(actor=world.shop.seller_actor, sku=sku, name="x", price=price)


@scene("no price")
def _no_price(world: World) -> Act:
    return lambda: _product(world, "new", 0)


@scene("sku taken")
def _sku_taken(world: World) -> Act:
    return lambda: _product(world, PHONE, 1)


@scene("code taken")
def _code_taken(world: World) -> Act:
    return lambda: create_warehouse(actor=world.shop.seller_actor, code="EAST", name="x", priority=1)


@scene("no quantity")
def _no_quantity(world: World) -> Act:
    return lambda: receive_stock(
        actor=world.shop.seller_actor,
        warehouse_id=world.shop.warehouses["EAST"].pk,
        product_id=world.shop.products[PHONE].pk,
        quantity=0,
    )


# --- Invitations ----------------------------------------------------------------------------------


def _system(world: World) -> Actor:
    return system_actor(OrganizationId(world.shop.organization.pk))


def _invited(world: World, email: str) -> tuple[UUID, str]:
    invitation = invite_member(actor=_system(world), email=email, role=Role.MEMBER)
    issued = issue_invitation_link(invitation_id=invitation.pk)
    assert issued is not None
    return invitation.pk, issued[1]


@scene("invitation over")
def _invitation_over(world: World) -> Act:
    invitation_id, token = _invited(world, "late@example.com")
    revoke_invitation(actor=_system(world), invitation_id=invitation_id)
    return lambda: accept_invitation(token=token, name="x", password_hash="x")


@scene("person known")
def _person_known(world: World) -> Act:
    person = build_person(organization=None)
    _id, token = _invited(world, person.email)
    return lambda: accept_invitation(token=token, name="x", password_hash="x")


# --- Keys -----------------------------------------------------------------------------------------


def _a_key(world: World) -> UUID:
    key, _text = create_api_key(
        actor=None,
        owner_id=world.shop.seller.pk,
        organization_id=world.shop.organization.pk,
        name="",
        scopes=["orders:read"],
    )
    return key.pk


@scene("replaced twice")
def _replaced_twice(world: World) -> Act:
    key_id = _a_key(world)
    rotate_api_key(actor=None, key_id=key_id)
    return lambda: rotate_api_key(actor=None, key_id=key_id)


@scene("long grace")
def _long_grace(world: World) -> Act:
    key_id = _a_key(world)
    return lambda: rotate_api_key(actor=None, key_id=key_id, grace=timedelta(hours=169))


# --- Logins from the command line -----------------------------------------------------------------


def _code(approve: bool | None = None, *, world: World) -> str:
    row, code = create_authorization_code(
        client_name="holo", scopes=["orders:read"], address=f"203.0.113.{next(_ADDRESSES)}"
    )
    if approve is not None:
        decide_authorization_code(actor=world.shop.seller_actor, code_id=row.pk, approve=approve)
    return code


def _take(code: str) -> object:
    return exchange_authorization_code(code=code).given()


@scene("code open")
def _code_open(world: World) -> Act:
    code = _code(world=world)
    return lambda: _take(code)


@scene("code asked")
def _code_asked(world: World) -> Act:
    code = _code(world=world)
    exchange_authorization_code(code=code)
    return lambda: _take(code)


@scene("code refused")
def _code_refused(world: World) -> Act:
    code = _code(approve=False, world=world)
    return lambda: _take(code)


@scene("code used")
def _code_used(world: World) -> Act:
    code = _code(approve=True, world=world)
    _take(code)
    return lambda: _take(code)


@scene("many codes")
def _many_codes(world: World) -> Act:
    def ask() -> object:
        return create_authorization_code(client_name="holo", scopes=["orders:read"], address="198.51.100.1")

    for _count in range(MAX_PER_ADDRESS):
        ask()
    return ask


# --- Secrets --------------------------------------------------------------------------------------


def _kept(world: World, *, ring: str = "", then: str = "", schema: type = object, name: str = "pay") -> Act:
    """Keep a secret under one ring; return a call that reads it under another."""
    before = settings.KEYRING
    settings.KEYRING = parse_keyring(ring or make_entry("k1"))
    try:
        set_secret(actor=_system(world), place=INSTALLATION, name="pay", value="text")
        kept = settings.KEYRING
    finally:
        settings.KEYRING = before

    def read() -> object:
        settings.KEYRING = parse_keyring(then) if then else kept
        try:
            return get_secret_or_raise(actor=_system(world), place=INSTALLATION, name=name, schema=schema)
        finally:
            settings.KEYRING = before

    return read


def _set(world: World, name: str, value: object) -> Act:
    return lambda: set_secret(actor=_system(world), place=INSTALLATION, name=name, value=value)


@scene("no secret")
def _no_secret(world: World) -> Act:
    return _kept(world, name="other")


@scene("no name")
def _no_name(world: World) -> Act:
    return _set(world, "1 a", 1)


@scene("no json")
def _no_json(world: World) -> Act:
    return _set(world, "pay", object())


@scene("another form")
def _another_form(world: World) -> Act:
    return _kept(world, schema=int)


@scene("no ring")
def _no_ring(world: World) -> Act:
    def act() -> object:
        before, settings.KEYRING = settings.KEYRING, parse_keyring("")
        try:
            return _set(world, "pay", 1)()
        finally:
            settings.KEYRING = before

    return act


@scene("key gone")
def _key_gone(world: World) -> Act:
    return _kept(world, then=make_entry("k2"))


@scene("another key")
def _another_key(world: World) -> Act:
    return _kept(world, then=make_entry("k1"))


# --- Orders and decisions -------------------------------------------------------------------------


@scene("wrong move")
def _wrong_move(world: World) -> Act:
    order = placed(world.shop)

    def move() -> None:
        locked = lock_order(order.pk)
        record_event(locked, "completed", status=Status.COMPLETED)

    return lambda: unit_of_work(move)


@scene("refund of what goes on")
def _refund_of_what_goes_on(world: World) -> Act:
    order = awaiting_payment(world.shop)
    charge(world.shop.pay(order))
    return lambda: begin_refund(order_id=order.pk)


@scene("delete for a create")
def _delete_for_a_create(world: World) -> Act:
    a_user_change(world.shop.organization)
    change = UserChange.objects.latest("created_at")
    return lambda: delete_user(change_id=change.pk)


@scene("no auditor")
def _no_auditor(world: World) -> Act:
    order = awaiting_approval(world.shop)
    person = build_person(organization=world.shop.organization, groups=["operator"])
    request = ApprovalRequest.objects.get(subject_id=order.pk)
    return lambda: decide(
        actor=actor_of(person, world.shop.organization),
        request_id=request.pk,
        verdict=ApprovalDecision.Verdict.APPROVE,
    )


class _Refusing:
    """A carrier that has changed its mind."""

    def create_label(self, parcel: Parcel) -> Label:
        raise CarrierRefusedError("no")

    def hand_over(self, parcel: Parcel) -> None:
        raise CarrierRefusedError("the parcel is too heavy")

    def void_label(self, *, key: str) -> None:
        raise CarrierRefusedError("no")


@scene("refused parcel")
def _refused_parcel(world: World) -> Act:
    parcel = Parcel(key="k", warehouse="EAST", ship_to=None)
    return lambda: settlement.hand_over_parcel(CheckedCarrier(_Refusing()), parcel)


# --- Keys -----------------------------------------------------------------------------------------


def _key(world: World, *scopes: str, days: int = 1, by_other: bool = False) -> object:
    owner = world.shop.auditor
    return create_api_key(
        actor=world.shop.seller_actor if by_other else None,
        owner_id=owner.pk,
        organization_id=world.shop.organization.pk,
        name="",
        scopes=scopes,
        expires_in=timedelta(days=days),
    )


@scene("unknown scope")
def _unknown_scope(world: World) -> Act:
    return lambda: _key(world, "orders:everything")


@scene("scope not held")
def _scope_not_held(world: World) -> Act:
    return lambda: _key(world, "orders:write")


@scene("key for another")
def _key_for_another(world: World) -> Act:
    return lambda: _key(world, "orders:audit", by_other=True)


@scene("long life")
def _long_life(world: World) -> Act:
    return lambda: _key(world, "orders:read", days=367)


# --- The database, and what nobody expected -------------------------------------------------------


@scene("serialization")
def _serialization(world: World) -> Act:
    def collide() -> None:
        with connection.cursor() as cursor:
            cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'collision' USING ERRCODE = '40001'; END $$")

    return lambda: unit_of_work(collide)


def _translated(work: Act) -> NoReturn:
    """Raise what the API answers with."""
    try:
        with transaction.atomic():
            work()
    except (DatabaseError, KeyError) as error:
        raise as_domain_error(error) from error
    raise AssertionError("the database let it pass")


@scene("unique index")
def _unique_index(world: World) -> Act:
    return lambda: _translated(lambda: Group.objects.create(name="operator"))


@scene("check")
def _check(world: World) -> Act:
    return lambda: _translated(lambda: Product.objects.filter(sku=PHONE).update(price_minor=-1))


@scene("bug")
def _bug(world: World) -> Act:
    def stumble() -> None:
        raise KeyError("a fault of ours")

    return lambda: _translated(stumble)


# --- Temporal -------------------------------------------------------------------------------------


@scene("no temporal")
def _no_temporal(world: World) -> Act:
    return client.check_health


@scene("no workflow")
def _no_workflow(world: World) -> Act:
    return lambda: client.cancel_workflow(workflow_id=f"order-{uuid7()}")


@scene("refused call")
def _refused_call(world: World) -> Act:
    return lambda: client.start_workflow(
        workflow="None", workflow_id="x" * 2000, task_queue="none", input=None
    )


@scene("sealed payload")
def _sealed_payload(world: World) -> Act:
    sealed = SealingCodec(parse_keyring(make_entry("t1"))).seal(Payload(data=b"1"))
    return lambda: SealingCodec(parse_keyring(make_entry("t1"))).open(sealed)
