"""People, keys and clients for tests of the API."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.test import Client

from holo.apiauth.services import create_api_key
from holo.common.ids import uuid7
from holo.identity.models import Membership, Organization, User

PASSWORD = "a-long-test-password"


def build_person(
    *, organization: Organization | None, groups: Iterable[str] = (), superuser: bool = False
) -> User:
    """Create a person in some groups, belonging to an organisation."""
    email = f"p-{uuid7().hex}@example.com"
    person = User.objects.create_user(email, PASSWORD, is_staff=superuser, is_superuser=superuser)
    for name in groups:
        person.groups.add(Group.objects.get_or_create(name=name)[0])
    if organization is not None:
        Membership.objects.create(user=person, organization=organization)
    return person


def build_key(*, owner: User, organization: Organization, scopes: Iterable[str]) -> str:
    """Make a key; return its text."""
    _key, text = create_api_key(
        actor=None, owner_id=owner.pk, organization_id=organization.pk, name="test", scopes=scopes
    )
    return text


class Api:
    """A client that sends JSON and a key."""

    def __init__(self, key: str = "") -> None:
        self.client = Client(headers={"Authorization": f"Bearer {key}"} if key else {})

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
        """Send GET."""
        return self.client.get(path, headers=headers)

    def post(
        self,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send POST with a JSON body, or with `raw` as it is."""
        data = raw if raw is not None else json.dumps(body).encode()
        return self.client.post(path, data=data, content_type="application/json", headers=headers)


def code_of(response: Any) -> str:
    """Return the code of a problem document, after checking that it is one."""
    assert response["Content-Type"] == "application/problem+json", response.content
    body = response.json()
    assert body["status"] == response.status_code
    assert body["request_id"]
    return str(body["code"])
