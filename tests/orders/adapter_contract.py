"""What every payment gateway and carrier must do: the rules of `orders/ports.py` as tests.

For an adapter of your own, subclass both classes in a test module and give the fixtures, as
`tests/orders/test_sandbox_contract.py` does for the sandbox. All answers go through `orders/outside.py`, so
that one which the product would not believe fails here too.
"""

from uuid import uuid4

import pytest

from holo.common.money import Money
from orders.outside import CheckedCarrier, CheckedGateway
from orders.ports import CarrierRefusedError, Charge, ChargeState, Parcel

AMOUNT = Money(minor=1234, currency="CNY")


class GatewayContract:
    """Rules of a payment gateway. The subclass gives `gateway`, `good_token` and `bad_token`."""

    @pytest.fixture
    def gateway(self) -> CheckedGateway:
        """The adapter behind its checks: `CheckedGateway(MyGateway())`."""
        raise NotImplementedError

    @pytest.fixture
    def good_token(self) -> str:
        """A token that is authorised and captured."""
        raise NotImplementedError

    @pytest.fixture
    def bad_token(self) -> str:
        """A token that is declined."""
        raise NotImplementedError

    @pytest.fixture
    def charge(self, good_token: str) -> Charge:
        """A charge that the gateway has never heard of."""
        return Charge(key=str(uuid4()), token=good_token, amount=AMOUNT, submitted_before=False)

    @pytest.fixture
    def declined(self, bad_token: str) -> Charge:
        """Another one, which it will decline."""
        return Charge(key=str(uuid4()), token=bad_token, amount=AMOUNT, submitted_before=False)

    def test_unknown_key_is_none(self, gateway: CheckedGateway, charge: Charge) -> None:
        assert gateway.lookup(charge) is None

    def test_authorisation_is_found_by_its_key(self, gateway: CheckedGateway, charge: Charge) -> None:
        answer = gateway.authorise(charge)
        assert (answer.state, answer.amount) == ("authorised", AMOUNT)
        assert answer.reference
        assert gateway.lookup(charge) == answer

    def test_authorisation_that_is_sent_twice_happens_once(
        self, gateway: CheckedGateway, charge: Charge
    ) -> None:
        first = gateway.authorise(charge)
        assert gateway.authorise(charge) == first

    def test_capture_takes_what_was_authorised_once(self, gateway: CheckedGateway, charge: Charge) -> None:
        gateway.authorise(charge)
        first = gateway.capture(charge)
        assert first.state == "captured"
        assert gateway.capture(charge) == first
        assert gateway.authorise(charge).state == "captured"
        assert gateway.lookup(charge) == first

    def test_decline_has_a_code_and_stays(self, gateway: CheckedGateway, declined: Charge) -> None:
        answer = gateway.authorise(declined)
        assert answer.state == "declined"
        assert answer.decline_code
        assert gateway.authorise(declined) == answer
        assert gateway.lookup(declined) == answer

    def test_void_ends_the_authorisation(self, gateway: CheckedGateway, charge: Charge) -> None:
        gateway.authorise(charge)
        assert gateway.void(charge).state == "voided"
        assert gateway.void(charge).state == "voided"
        assert gateway.capture(charge).state == "voided"
        assert self.state_of(gateway, charge) == "voided"

    def test_refund_pays_back_once(self, gateway: CheckedGateway, charge: Charge) -> None:
        gateway.authorise(charge)
        gateway.capture(charge)
        first = gateway.refund(charge)
        assert first.state == "refunded"
        assert gateway.refund(charge) == first
        assert self.state_of(gateway, charge) == "refunded"

    def test_charges_do_not_touch_each_other(
        self, gateway: CheckedGateway, charge: Charge, declined: Charge
    ) -> None:
        gateway.authorise(charge)
        gateway.authorise(declined)
        gateway.capture(charge)
        assert (self.state_of(gateway, charge), self.state_of(gateway, declined)) == ("captured", "declined")

    def state_of(self, gateway: CheckedGateway, charge: Charge) -> str:
        """Return the state that the gateway tells."""
        known: ChargeState | None = gateway.lookup(charge)
        assert known is not None
        return known.state


class CarrierContract:
    """Rules of a carrier. The subclass gives `carrier`, `parcel` and `refused`."""

    @pytest.fixture
    def carrier(self) -> CheckedCarrier:
        """The adapter behind its checks: `CheckedCarrier(MyCarrier())`."""
        raise NotImplementedError

    @pytest.fixture
    def parcel(self) -> Parcel:
        """A parcel that the carrier takes; each time another one."""
        raise NotImplementedError

    @pytest.fixture
    def refused(self) -> Parcel:
        """A parcel that it does not take."""
        raise NotImplementedError

    def test_label_that_is_asked_for_twice_is_the_same(self, carrier: CheckedCarrier, parcel: Parcel) -> None:
        first = carrier.create_label(parcel)
        assert first.reference
        assert first.tracking_number
        assert carrier.create_label(parcel) == first

    def test_refusal_is_the_ports_error_each_time(self, carrier: CheckedCarrier, refused: Parcel) -> None:
        for _again in range(2):
            with pytest.raises(CarrierRefusedError):
                carrier.create_label(refused)

    def test_label_can_be_voided_twice_and_where_there_is_none(
        self, carrier: CheckedCarrier, parcel: Parcel
    ) -> None:
        carrier.void_label(key=parcel.key)
        carrier.create_label(parcel)
        carrier.void_label(key=parcel.key)
        carrier.void_label(key=parcel.key)

    def test_parcel_is_handed_over_once(self, carrier: CheckedCarrier, parcel: Parcel) -> None:
        carrier.create_label(parcel)
        carrier.hand_over(parcel)
        carrier.hand_over(parcel)
