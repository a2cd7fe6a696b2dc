"""One organisation, and clients with the rights of its people."""

import pytest

from holo.identity.models import Organization
from tests.api.people import Api, build_key, build_person
from tests.builders import build_organization


@pytest.fixture
def organization(db: None) -> Organization:
    """An organisation."""
    return build_organization()


@pytest.fixture
def operator(organization: Organization) -> Api:
    """A client that reads and writes orders."""
    person = build_person(organization=organization, groups=["operator"])
    scopes = ["orders:read", "orders:write"]
    return Api(build_key(owner=person, organization=organization, scopes=scopes))
