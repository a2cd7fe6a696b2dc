"""The sandbox keeps to the rules that every gateway and carrier must keep to."""

from uuid import uuid4

import pytest

from orders.outside import CheckedCarrier, CheckedGateway
from orders.ports import Parcel
from orders.sandbox.carrier import SandboxCarrier
from orders.sandbox.gateway import SandboxGateway
from tests.orders.adapter_contract import CarrierContract, GatewayContract

pytestmark = pytest.mark.django_db


class TestSandboxGateway(GatewayContract):
    """The sandbox's gateway."""

    @pytest.fixture
    def gateway(self) -> CheckedGateway:
        return CheckedGateway(SandboxGateway())

    @pytest.fixture
    def good_token(self) -> str:
        return "tok_ok"

    @pytest.fixture
    def bad_token(self) -> str:
        return "tok_declined"


class TestSandboxCarrier(CarrierContract):
    """The sandbox's carrier."""

    @pytest.fixture
    def carrier(self) -> CheckedCarrier:
        return CheckedCarrier(SandboxCarrier())

    @pytest.fixture
    def parcel(self) -> Parcel:
        return Parcel(key=str(uuid4()), warehouse="EAST", ship_to={"name": "Li Wei", "city": "Xi'an"})

    @pytest.fixture
    def refused(self) -> Parcel:
        return Parcel(key=str(uuid4()), warehouse="EAST", ship_to=None, mode="fail")
