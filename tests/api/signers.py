"""A key that signs public tokens, and tokens that it did not sign."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt

from holo.apiauth.models import ApiKey
from holo.apiauth.selectors import place_of_key, signing_secret_name
from holo.apiauth.services import create_api_key
from holo.common.actor import OrganizationId, system_actor
from holo.identity.models import Environment, Organization, User
from holo.identity.services import create_project
from holo.secretstore.services import get_secret_or_raise
from tests.api.people import Api, build_person
from tests.builders import build_organization

SIGN = "/api/v1/tokens/public"
BUYER = "customer-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """An environment's key, and who owns it."""

    key: ApiKey
    text: str
    owner: User
    organization: Organization

    def sign(self, *, buyer: str = BUYER, **wish: Any) -> str:
        """Return a public token of this key, for one buyer."""
        answer = Api(self.text).post(SIGN, {"buyer": buyer, **wish})
        assert answer.status_code == 201, answer.content
        return str(answer.json()["token"])

    def secret(self) -> str:
        """Return what the key signs with."""
        actor = system_actor(OrganizationId(self.organization.pk))
        place, name = place_of_key(self.key.pk), signing_secret_name(self.key.pk)
        return get_secret_or_raise(actor=actor, place=place, name=name, schema=str)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of a good token, changed."""
        now = datetime.now(UTC)
        good = {
            "iss": "holo",
            "aud": "holo-public",
            "sub": str(self.key.environment_id),
            "iat": now,
            "exp": now + timedelta(minutes=5),
            "jti": str(uuid4()),
            "scopes": ["orders:read"],
            "buyer": BUYER,
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def forge(self, secret: str, *, kid: object = None, **changes: Any) -> str:
        """Return a token that is signed with a secret."""
        kid = str(self.key.pk) if kid is None else kid
        return jwt.encode(self.claims(**changes), secret, algorithm="HS256", headers={"kid": kid})


def build_signer(organization: Organization | None = None, *scopes: str) -> Signer:
    """Return an operator's key of an organisation's production; of a new one unless told.

    It reads, and does what `scopes` say besides.
    """
    organization = organization or build_organization()
    owner = build_person(organization=organization, groups=["operator"])
    create_project(actor=system_actor(OrganizationId(organization.pk)), slug="shop", name="Shop")
    environment = Environment.objects.get(organization=organization, slug="production")
    key, text = create_api_key(
        actor=None,
        owner_id=owner.pk,
        organization_id=organization.pk,
        environment_id=environment.pk,
        name="shop",
        scopes=["orders:read", "inventory:read", "tokens:public", "secrets:read", *scopes],
    )
    return Signer(key=key, text=text, owner=owner, organization=organization)
