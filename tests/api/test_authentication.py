"""Who may call, and what everybody else is told."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db.models.functions import Now
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from holo.apiauth import authentication, keys
from holo.apiauth.errors import OwnKeyOnlyError, ScopeNotHeldError, UnknownScopeError
from holo.apiauth.keys import KeyText, make_key, matches, parse_key
from holo.apiauth.models import ApiKey
from holo.apiauth.selectors import find_usable_key
from holo.apiauth.services import create_api_key, revoke_api_key
from holo.audit.models import AuditEvent
from holo.common.actor import Actor, OrganizationId, UserId
from holo.common.errors import NotFoundError
from holo.identity.models import Membership, Organization, User
from tests.api.people import Api, build_key, build_person, code_of
from tests.builders import build_organization
from tests.logins import log_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.api.sample_urls")]


def ended_keys(organization: Organization) -> dict[str, str]:
    """Return one key for each way to be useless."""
    person = build_person(organization=organization, groups=["viewer"])

    def fresh(owner: User = person) -> tuple[ApiKey, str]:
        return create_api_key(
            actor=None, owner_id=owner.pk, organization_id=organization.pk, name="", scopes=["orders:read"]
        )

    expired, expired_text = fresh()
    ApiKey.objects.filter(pk=expired.pk).update(expires_at=Now() - timedelta(seconds=1))
    revoked, revoked_text = fresh()
    revoke_api_key(actor=None, key_id=revoked.pk)
    gone = build_person(organization=organization, groups=["viewer"])
    _key, gone_text = fresh(gone)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    left = build_person(organization=organization, groups=["viewer"])
    _key, left_text = fresh(left)
    Membership.objects.filter(user=left).delete()
    back = build_person(organization=organization, groups=["viewer"])
    _key, back_text = fresh(back)
    Membership.objects.filter(user=back).delete()
    Membership.objects.create(user=back, organization=organization)
    key, good = fresh()
    other, secret = make_key().text, "0" * 22
    return {
        "malformed": "Bearer nonsense",
        "empty": "Bearer ",
        "basic": "Basic dXNlcjpwYXNz",
        "checksum": f"Bearer {good[:-1]}{'a' if good[-1] != 'a' else 'b'}",
        "unknown": f"Bearer {other}",
        "foreign secret": f"Bearer holo_org_{key.prefix}{other[-28:]}",
        "wrong secret": f"Bearer holo_org_{key.prefix}{secret}{keys._checksum('org', key.prefix, secret)}",
        "expired": f"Bearer {expired_text}",
        "revoked": f"Bearer {revoked_text}",
        "inactive owner": f"Bearer {gone_text}",
        "owner left": f"Bearer {left_text}",
        "owner left and came back": f"Bearer {back_text}",
    }


def test_every_useless_key_gets_the_same_401(organization: Organization) -> None:
    bodies = set()
    for why, header in {**ended_keys(organization), "absent": None}.items():
        headers = {"X-Request-ID": "same"} | ({"Authorization": header} if header is not None else {})
        response = Client().get("/api/v1/notes", headers=headers)
        assert response.status_code == 401, why
        assert response["WWW-Authenticate"] == 'Bearer realm="holo"'
        bodies.add(response.content)
    assert len(bodies) == 1


def test_refusal_of_a_known_prefix_costs_what_an_unknown_one_costs(
    organization: Organization,
    django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[str] = []

    def counted(given: KeyText, secret_hash: str) -> bool:
        compared.append(secret_hash)
        return matches(given, secret_hash)

    monkeypatch.setattr(authentication, "matches", counted)
    # What can be no key is told by its text alone. Of all others the same is asked and compared.
    without_lookup = ("malformed", "empty", "basic", "checksum", "foreign secret")
    for why, header in ended_keys(organization).items():
        compared.clear()
        with django_assert_num_queries(0 if why in without_lookup else 1):
            Client().get("/api/v1/notes", headers={"Authorization": header})
        assert len(compared) == 1, why


def test_no_row_is_read_for_a_wrong_secret(organization: Organization) -> None:
    """Joined and read, it would make the refusal slower than that of an unknown prefix."""
    person = build_person(organization=organization, groups=["operator"])
    key = parse_key(build_key(owner=person, organization=organization, scopes=["orders:read"]))
    assert key is not None
    assert find_usable_key(key) is not None
    assert find_usable_key(replace(key, text=make_key().text)) is None


def test_key_in_the_address_is_refused_even_with_a_good_header(operator: Api) -> None:
    for query in (f"x={make_key().text}", "api_key=abc", "access_token=abc"):
        response = operator.get(f"/api/v1/notes?{query}")
        assert (response.status_code, code_of(response)) == (401, "request.key_in_url")


def test_missing_scope_is_named(organization: Organization) -> None:
    person = build_person(organization=organization, groups=["operator"])
    key = build_key(owner=person, organization=organization, scopes=["orders:read"])
    response = Api(key).post("/api/v1/notes", {"name": "a"})
    assert (response.status_code, code_of(response)) == (403, "request.missing_scope")
    assert response.json()["details"] == {"scope": "orders:write"}
    assert not AuditEvent.objects.filter(subject_type="sample").exists()


def test_method_without_a_scope_is_closed(organization: Organization) -> None:
    person = build_person(organization=organization, groups=["auditor"])
    key = build_key(owner=person, organization=organization, scopes=["orders:audit"])
    assert code_of(Api(key).post("/api/v1/decide", {})) == "request.forbidden"


def test_key_that_decides_follows_the_group_of_its_owner(organization: Organization) -> None:
    person = build_person(organization=organization, groups=["auditor"])
    api = Api(build_key(owner=person, organization=organization, scopes=["orders:audit"]))
    assert api.get("/api/v1/decide").status_code == 200
    person.groups.clear()
    assert code_of(api.get("/api/v1/decide")) == "request.missing_scope"
    person.groups.add(Group.objects.get(name="auditor"))
    assert api.get("/api/v1/decide").status_code == 200


def test_superuser_outside_of_the_group_does_not_decide(organization: Organization) -> None:
    person = build_person(organization=organization, superuser=True)
    with pytest.raises(ScopeNotHeldError):
        build_key(owner=person, organization=organization, scopes=["orders:audit"])
    client = Client()
    log_in(client, person)
    assert code_of(client.get("/api/v1/decide")) == "request.missing_scope"


def test_key_for_decisions_is_made_by_its_owner_alone(organization: Organization) -> None:
    auditor = build_person(organization=organization, groups=["auditor"])
    admin = build_person(organization=organization, superuser=True)
    actor = Actor(
        user_id=UserId(admin.pk), organization_id=OrganizationId(organization.pk), label=admin.email
    )
    wanted: dict[str, Any] = {"owner_id": auditor.pk, "organization_id": organization.pk, "name": ""}
    with pytest.raises(OwnKeyOnlyError):
        create_api_key(actor=actor, scopes=["orders:audit"], **wanted)
    assert not ApiKey.objects.exists()
    create_api_key(actor=actor, scopes=["orders:read"], **wanted)


@pytest.mark.parametrize("scopes", [[], ["orders:everything"], ["orders:read", "x"]])
def test_unknown_scope_makes_no_key(organization: Organization, scopes: list[str]) -> None:
    person = build_person(organization=organization, groups=["operator"])
    with pytest.raises(UnknownScopeError):
        build_key(owner=person, organization=organization, scopes=scopes)
    assert not ApiKey.objects.exists()


def test_key_in_a_foreign_organisation_is_not_made(organization: Organization) -> None:
    person = build_person(organization=organization, groups=["operator"])
    with pytest.raises(NotFoundError):
        build_key(owner=person, organization=build_organization(), scopes=["orders:read"])


def test_making_and_revoking_a_key_is_audited_without_the_secret(organization: Organization) -> None:
    person = build_person(organization=organization, groups=["operator"])
    key, text = create_api_key(
        actor=None, owner_id=person.pk, organization_id=organization.pk, name="", scopes=["orders:read"]
    )
    revoke_api_key(actor=None, key_id=key.pk)
    revoke_api_key(actor=None, key_id=key.pk)
    rows = AuditEvent.objects.filter(subject_type="apiauth.apikey").order_by("id")
    assert [row.action for row in rows] == ["apiauth.key_created", "apiauth.key_revoked"]
    assert not any(text[14:] in str(row.data) for row in rows)
    key.refresh_from_db()
    assert text not in (key.secret_hash, key.prefix)


def test_foreign_key_is_not_revoked(organization: Organization) -> None:
    person = build_person(organization=organization, groups=["operator"])
    key, _text = create_api_key(
        actor=None, owner_id=person.pk, organization_id=organization.pk, name="", scopes=["orders:read"]
    )
    stranger = Actor(user_id=None, organization_id=OrganizationId(build_organization().pk), label="stranger")
    with pytest.raises(NotFoundError):
        revoke_api_key(actor=stranger, key_id=key.pk)
    key.refresh_from_db()
    assert key.revoked_at is None


def test_time_of_use_is_kept_to_the_minute(operator: Api) -> None:
    operator.get("/api/v1/notes")
    first = ApiKey.objects.get().last_used_at
    assert first is not None
    operator.get("/api/v1/notes")
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))
    operator.get("/api/v1/notes")
    again = ApiKey.objects.get().last_used_at
    assert again is not None
    assert again >= first


def test_session_needs_the_csrf_token_for_writes(organization: Organization) -> None:
    person = build_person(organization=organization, groups=["operator"])
    client = Client(enforce_csrf_checks=True)
    log_in(client, person)
    assert client.get("/api/v1/notes").status_code == 200
    response = client.post("/api/v1/notes", data={"name": "a"}, content_type="application/json")
    assert (response.status_code, code_of(response)) == (403, "request.csrf_failed")
    token = "a" * 32
    client.cookies["csrftoken"] = token
    headers = {"X-CSRFToken": token}
    again = client.post("/api/v1/notes", data={"name": "a"}, content_type="application/json", headers=headers)
    assert again.status_code == 201


def test_session_of_several_organisations_must_name_one(organization: Organization) -> None:
    person = build_person(organization=organization, groups=["auditor"])
    other = build_organization()
    Membership.objects.create(user=person, organization=other)
    client = Client()
    log_in(client, person)
    assert code_of(client.get("/api/v1/decide")) == "request.organization_required"
    named = client.get("/api/v1/decide", headers={"X-Organization": other.slug})
    assert named.json()["organization"] == str(other.pk)
    foreign = build_organization().slug
    for slug in (foreign, "no-such", ""):
        response = client.get("/api/v1/decide", headers={"X-Organization": slug})
        assert (response.status_code, code_of(response)) == (400, "request.organization_unknown")


def test_key_cannot_be_turned_to_another_organisation(organization: Organization) -> None:
    person = build_person(organization=organization, groups=["auditor"])
    other = build_organization()
    Membership.objects.create(user=person, organization=other)
    api = Api(build_key(owner=person, organization=organization, scopes=["orders:audit"]))
    assert api.get("/api/v1/decide").json()["organization"] == str(organization.pk)
    response = api.get("/api/v1/decide", headers={"X-Organization": other.slug})
    assert code_of(response) == "request.organization_unknown"


def test_person_without_organisation_is_refused() -> None:
    person = build_person(organization=None, groups=["auditor"])
    client = Client()
    log_in(client, person)
    assert code_of(client.get("/api/v1/decide")) == "request.forbidden"
