"""What clients send to the order endpoints."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from holo.common.actor import Actor
from holo.common.api.fields import (
    AmountField,
    ChoiceField,
    IdentifierField,
    IntegerField,
    ListField,
    TextField,
)
from holo.common.api.serializers import StrictSerializer, names_of
from orders.api import answers
from orders.origins import origin_of
from orders.services.placing import Placement, WantedLine

MAX_LINES = 200
MAX_QUANTITY = 10_000


class LineRequest(StrictSerializer):
    """One line: a SKU with how many."""

    sku = IdentifierField(max_length=64)
    quantity = IntegerField(min_value=1, max_value=MAX_QUANTITY, default=1)


_SKU = {"type": "string", "minLength": 1, "maxLength": 64}
_QUANTITY = {"type": "integer", "minimum": 1, "maximum": MAX_QUANTITY, "default": 1}


@extend_schema_field(
    {
        "oneOf": [
            _SKU,
            {
                "type": "object",
                "properties": {"sku": _SKU, "quantity": _QUANTITY},
                "required": ["sku"],
                "additionalProperties": False,
            },
        ]
    }
)
class ItemField(serializers.Field[dict[str, Any], Any, Any, Any]):
    """A SKU, which means one piece of it, or a line."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return SKU and quantity."""
        line = LineRequest(data={"sku": data} if isinstance(data, str) else data)
        if not line.is_valid():
            errors = line.errors
            raise serializers.ValidationError(errors["sku"] if isinstance(data, str) else errors)
        values: dict[str, Any] = line.validated_data
        return values


class ShipToRequest(StrictSerializer):
    """Where the parcels go. It stays in the database; no workflow ever sees it."""

    name = TextField(max_length=200)
    phone = TextField(max_length=40, required=False)
    street = TextField(max_length=300, required=False)
    city = TextField(max_length=100, required=False)
    region = TextField(max_length=100, required=False)
    postal_code = TextField(max_length=20, required=False)
    country = TextField(max_length=60, required=False)


class SandboxRequest(StrictSerializer):
    """Switches of the sandbox; accepted only where DEMO=1."""

    payment_deadline_seconds = IntegerField(min_value=0, max_value=86_400, required=False)
    approval_deadline_seconds = IntegerField(min_value=0, max_value=86_400, required=False)
    carrier = ChoiceField(choices=["ok", "fail"], required=False)


class PaymentRequest(StrictSerializer):
    """How an order is paid: a token of the payment provider. It is charged once the order may be paid."""

    token = IdentifierField(max_length=64)


class PlaceOrderRequest(StrictSerializer):
    """A new order."""

    read_only_names = (
        names_of(answers.PlacedAnswer)
        | names_of(answers.OrderDetailAnswer)
        | {"currency", "created_by", "organization"}
    )

    items = ListField(child=ItemField(), min_length=1, max_length=MAX_LINES)
    amount = AmountField(required=False, help_text="What the client expects to pay; a mismatch is refused.")
    client_ref = IdentifierField(max_length=100, required=False)
    buyer = IdentifierField(
        max_length=64,
        required=False,
        help_text="What you call your customer. Unpaid orders of one buyer hold a limited number of pieces. "
        "Not with a public token: it is for one buyer already.",
    )
    ship_to = ShipToRequest(required=False)
    payment = PaymentRequest(required=False)
    sandbox = SandboxRequest(required=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Know `sandbox` in demo mode alone, and `buyer` from those who are no buyers themselves.

        Elsewhere each is an unknown field like any other.
        """
        fields = super().get_fields()
        actor: Actor | None = self.context.get("actor")
        if actor is not None and actor.buyer is not None:
            fields.pop("buyer")
        if not settings.DEMO:
            fields.pop("sandbox")
        return fields


def placement_of(values: dict[str, Any], *, buyer: str | None, address: str) -> Placement:
    """Return validated values in the form that the service takes.

    `buyer` is whose public token sent them, from `address`; None for anybody else.
    """
    return Placement(
        lines=[
            WantedLine(sku=item["sku"], quantity=item["quantity"], pointer=f"/items/{index}")
            for index, item in enumerate(values["items"])
        ],
        expected=values.get("amount"),
        client_ref=values.get("client_ref"),
        buyer=values.get("buyer", "") if buyer is None else buyer,
        origin=None if buyer is None else origin_of(address),
        ship_to=values.get("ship_to"),
        sandbox=values.get("sandbox"),
        payment_token=values["payment"]["token"] if "payment" in values else None,
    )


class PayRequest(PaymentRequest):
    """A payment of an order that is there."""

    read_only_names = names_of(answers.PaymentAnswer)


class DecideRequest(StrictSerializer):
    """A decision about an order."""

    read_only_names = names_of(answers.DecidedAnswer)

    action = ChoiceField(choices=["APPROVE", "REJECT"])
    reason = TextField(max_length=2000, required=False, allow_blank=True, default="")
    digest = serializers.RegexField(
        r"^[0-9a-f]{64}$", required=False, help_text="The digest of what was seen; refused if it has changed."
    )


class EmptyRequest(StrictSerializer):
    """No fields: the address says it all."""

    read_only_names = names_of(answers.OrderDetailAnswer)
