"""Two shops for raw SQL to be tried on."""

import pytest

from orders import services
from tests.security.targets import build_targets
from tests.stories import MAC, PHONE, Shop, build_shop, charge, label, unwind


@pytest.fixture(scope="module")
def scene(module_database: str) -> tuple[Shop, Shop]:
    """Two shops; the first has a labelled order, one that waits, and one to decide about."""
    own, other = build_shop(), build_shop()
    paid = own.place(PHONE)
    charge(own.pay(paid))
    for shipment in paid.shipments.all():
        label(shipment.pk)
    own.place(PHONE)
    own.place(MAC)
    other.place_without_hold(PHONE)
    other.place(MAC)
    cancelled = other.place(PHONE)
    services.cancel_order(actor=other.seller_actor, order_id=cancelled.pk)
    unwind(cancelled)
    build_targets(own)
    return own, other
