"""What clients send to the endpoints of credentials."""

from holo.apiauth.api import answers
from holo.apiauth.networks import MAX_NETWORKS
from holo.apiauth.operations import DEFAULT_LIFETIME, MAX_LIFETIME
from holo.apiauth.public_tokens import DEFAULT_LIFETIME as PUBLIC_LIFETIME
from holo.apiauth.public_tokens import MAX_LIFETIME as MAX_PUBLIC_LIFETIME
from holo.apiauth.public_tokens import MIN_LIFETIME as MIN_PUBLIC_LIFETIME
from holo.apiauth.scopes import SCOPES
from holo.common.api.fields import (
    BooleanField,
    ChoiceField,
    DisplayNameField,
    IdentifierField,
    IntegerField,
    ListField,
)
from holo.common.api.serializers import StrictSerializer, names_of

_MAX_NAME = 100
_MAX_NETWORK = 50


class CreateTokenRequest(StrictSerializer):
    """A new token; it can do no more than who makes it."""

    read_only_names = names_of(answers.NewTokenAnswer)
    name = DisplayNameField(max_length=_MAX_NAME, help_text="What uses the token.")
    scopes = ListField(child=ChoiceField(SCOPES), min_length=1, max_length=len(SCOPES))
    expires_in_days = IntegerField(
        min_value=1, max_value=MAX_LIFETIME.days, default=DEFAULT_LIFETIME.days, required=False
    )
    networks = ListField(
        child=IdentifierField(max_length=_MAX_NETWORK),
        min_length=0,
        max_length=MAX_NETWORKS,
        required=False,
        help_text="Addresses or CIDR networks that it works from; none: from anywhere.",
    )


class PublicTokenRequest(StrictSerializer):
    """What a public token may do, and for how long."""

    read_only_names = names_of(answers.PublicTokenAnswer)
    scopes = ListField(
        child=ChoiceField(SCOPES),
        min_length=1,
        max_length=len(SCOPES),
        required=False,
        help_text="None named: those of the key that may be public.",
    )
    expires_in_seconds = IntegerField(
        min_value=int(MIN_PUBLIC_LIFETIME.total_seconds()),
        max_value=int(MAX_PUBLIC_LIFETIME.total_seconds()),
        default=int(PUBLIC_LIFETIME.total_seconds()),
        required=False,
    )
    one_time = BooleanField(
        default=False, required=False, help_text="Spent by the first call that changes something."
    )
    buyer = IdentifierField(
        max_length=64,
        required=False,
        help_text="What you call your customer: the token reaches that buyer's orders alone. Needed for "
        "`orders:read` and `orders:write`; name the same one each time.",
    )


class CreateCodeRequest(StrictSerializer):
    """Which program asks for a person's token, and what for."""

    client_name = DisplayNameField(max_length=_MAX_NAME)
    scopes = ListField(child=ChoiceField(SCOPES), min_length=1, max_length=len(SCOPES))


class ExchangeRequest(StrictSerializer):
    """The code whose token is asked for."""

    code = IdentifierField(max_length=100)
