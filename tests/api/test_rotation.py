"""Keys that are replaced with an overlap, and keys that work from some addresses only."""

from datetime import timedelta
from io import StringIO

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db.models.functions import Now
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from holo.apiauth.errors import (
    GraceInvalidError,
    KeyEndedError,
    NetworkInvalidError,
    OwnKeyOnlyError,
    ScopeNotHeldError,
)
from holo.apiauth.keys import KeyText, parse_key
from holo.apiauth.models import ApiKey
from holo.apiauth.networks import is_within, parse_networks
from holo.apiauth.services import create_api_key, revoke_api_key, rotate_api_key
from holo.audit.models import AuditEvent
from holo.common.actor import OrganizationId, system_actor
from holo.common.callers import client_address
from holo.common.errors import NotFoundError
from holo.identity.models import Environment, Organization, User
from holo.identity.services import create_project
from tests.api.people import Api, build_person, code_of
from tests.builders import build_organization
from tests.conftest import OwnerAccess
from tests.identity.people import actor_of
from tests.logins import log_in
from tests.racing import race

ORDERS = "/api/v1/orders"


@pytest.fixture
def organization(fresh_database: str) -> Organization:
    return build_organization()


@pytest.fixture
def person(organization: Organization) -> User:
    return build_person(organization=organization, groups=["operator", "auditor"])


def make(
    person: User, organization: Organization, *networks: str, scope: str = "orders:read"
) -> tuple[ApiKey, str]:
    return create_api_key(
        actor=None,
        owner_id=person.pk,
        organization_id=organization.pk,
        name="shop",
        scopes=[scope],
        networks=networks,
        expires_in=timedelta(days=30),
    )


def status(text: str) -> int:
    return int(Api(text).get(ORDERS).status_code)


def test_both_keys_work_until_the_grace_is_over(person: User, organization: Organization) -> None:
    old, old_text = make(person, organization, "127.0.0.0/8")
    new, new_text = rotate_api_key(actor=actor_of(person, organization), key_id=old.pk)
    assert (status(old_text), status(new_text)) == (200, 200)
    old.refresh_from_db()
    left = old.expires_at - timezone.now()
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
    assert (new.owner_id, new.scopes, new.networks, new.name) == (
        *(person.pk, ["orders:read"], ["127.0.0.0/8"], "shop"),
    )
    assert abs((new.expires_at - timezone.now()) - timedelta(days=30)) < timedelta(minutes=1)
    ApiKey.objects.filter(pk=old.pk).update(expires_at=Now())
    assert (status(old_text), status(new_text)) == (401, 200)
    replaced = AuditEvent.objects.get(action="apiauth.key_replaced")
    assert (replaced.subject_id, replaced.data["by"]) == (str(old.pk), new.prefix)
    assert AuditEvent.objects.filter(action="apiauth.key_created").count() == 2


def test_without_grace_the_old_key_ends_at_once(person: User, organization: Organization) -> None:
    old, old_text = make(person, organization)
    _new, new_text = rotate_api_key(actor=None, key_id=old.pk, grace=timedelta(0))
    assert (status(old_text), status(new_text)) == (401, 200)


def test_what_was_made_with_a_key_ends_with_it_when_it_is_replaced(
    person: User, organization: Organization
) -> None:
    maker, maker_text = create_api_key(
        actor=None,
        owner_id=person.pk,
        organization_id=organization.pk,
        name="",
        scopes=["tokens:write", "organization:read"],
    )
    wish = {"name": "made", "scopes": ["organization:read", "tokens:write"]}
    made = Api(maker_text).post("/api/v1/tokens/personal", wish).json()["token"]
    further = (
        Api(made).post("/api/v1/tokens/personal", {**wish, "scopes": ["organization:read"]}).json()["token"]
    )
    assert [status_of(text) for text in (made, further)] == [200, 200]
    rotate_api_key(actor=None, key_id=maker.pk, grace=timedelta(0))
    assert [status_of(text) for text in (made, further)] == [401, 401]


def status_of(text: str) -> int:
    return int(Api(text).get("/api/v1/whoami").status_code)


def test_a_replaced_key_can_be_revoked_and_never_lives_longer(
    person: User, organization: Organization
) -> None:
    old, old_text = make(person, organization)
    soon = timezone.now() + timedelta(hours=1)
    ApiKey.objects.filter(pk=old.pk).update(expires_at=soon)
    rotate_api_key(actor=None, key_id=old.pk)
    old.refresh_from_db()
    assert old.expires_at == soon
    revoke_api_key(actor=None, key_id=old.pk)
    assert status(old_text) == 401


def test_what_has_ended_is_not_replaced(person: User, organization: Organization) -> None:
    revoked, replaced, expired = (make(person, organization)[0] for _ in range(3))
    revoke_api_key(actor=None, key_id=revoked.pk)
    rotate_api_key(actor=None, key_id=replaced.pk)
    ApiKey.objects.filter(pk=expired.pk).update(expires_at=Now())
    before = ApiKey.objects.count()
    for key in (revoked, replaced, expired):
        with pytest.raises(KeyEndedError):
            rotate_api_key(actor=None, key_id=key.pk)
    good, _text = make(person, organization)
    for grace in (timedelta(seconds=-1), timedelta(hours=168, seconds=1)):
        with pytest.raises(GraceInvalidError):
            rotate_api_key(actor=None, key_id=good.pk, grace=grace)
    assert ApiKey.objects.count() == before + 1


def test_only_its_owner_replaces_a_key_and_gets_no_more_than_they_have(
    person: User, organization: Organization
) -> None:
    old, _text = make(person, organization, scope="orders:audit")
    root = build_person(organization=organization, superuser=True)
    with pytest.raises(OwnKeyOnlyError):
        rotate_api_key(actor=actor_of(root, organization), key_id=old.pk)
    with pytest.raises(NotFoundError):
        rotate_api_key(actor=actor_of(person, build_organization()), key_id=old.pk)
    person.groups.clear()
    with pytest.raises(ScopeNotHeldError):
        rotate_api_key(actor=actor_of(person, organization), key_id=old.pk)
    assert ApiKey.objects.count() == 1


def test_of_replacements_at_once_one_is_made(person: User, organization: Organization) -> None:
    old, _text = make(person, organization)
    outcomes = race([lambda: rotate_api_key(actor=None, key_id=old.pk)] * 8)
    assert sum(isinstance(outcome, tuple) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, KeyEndedError) for outcome in outcomes) == 7
    assert ApiKey.objects.count() == 2


# --- Addresses ------------------------------------------------------------------------------------


def test_a_key_works_from_its_networks_alone(person: User, organization: Organization) -> None:
    _key, text = make(person, organization, "203.0.113.0/24", "2001:db8::/32")
    for address, expected in (
        ("203.0.113.9", 200),
        ("::ffff:203.0.113.9", 200),
        ("2001:db8::1", 200),
        ("203.0.114.1", 403),
        ("127.0.0.1", 403),
        ("2001:db9::1", 403),
        ("", 403),
    ):
        client = Client(headers={"Authorization": f"Bearer {text}"}, REMOTE_ADDR=address)
        answer = client.get(ORDERS, headers={"X-Forwarded-For": "203.0.113.9"})
        assert answer.status_code == expected, address
        if expected == 403:
            assert code_of(answer) == "apiauth.address_not_allowed"
            assert answer.json()["details"] == {"address": address}
    assert ApiKey.objects.get().last_used_at is not None


def test_a_foreign_address_notes_no_use(person: User, organization: Organization) -> None:
    _key, text = make(person, organization, "203.0.113.7")
    assert status(text) == 403
    assert ApiKey.objects.get().last_used_at is None
    assert status("holo_org_AAAAAAAA" + "0" * 28) == 401


@pytest.mark.parametrize(
    ("hops", "forwarded", "seen"),
    [
        (0, "198.51.100.1", "192.0.2.1"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        (2, "203.0.113.9, 198.51.100.1 , 10.0.0.1", "198.51.100.1"),
        (2, "198.51.100.1", ""),
        (1, "198.51.100.1:4711", "198.51.100.1"),
        (1, "203.0.113.9, [2001:db8::1]", "2001:db8::1"),
        (1, "[2001:db8::1]:4711", "2001:db8::1"),
        (1, "2001:db8::1", "2001:db8::1"),
        (2, "[2001:db8::1]:4711,10.0.0.1:80", "2001:db8::1"),
        (1, "[::ffff:198.51.100.1]:443", "::ffff:198.51.100.1"),
        (1, "[fe80::1%eth0]:443", "fe80::1"),
        (1, "[2001:db8::1]:port", "[2001:db8::1]:port"),
        (1, "198.51.100.1:１２", "198.51.100.1:１２"),
        (1, "198.51.100.1:", "198.51.100.1:"),
        (1, "unknown", "unknown"),
        (1, "", ""),
    ],
)
def test_what_a_client_writes_into_the_header_is_never_believed(
    settings: LazySettings, hops: int, forwarded: str, seen: str
) -> None:
    settings.PROXY_HOPS = hops
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=forwarded)
    assert client_address(request) == seen


@pytest.mark.pure
def test_networks_are_kept_in_one_form() -> None:
    assert parse_networks([" 203.0.113.7 ", "203.0.113.7/32", "2001:DB8::/32"]) == [
        "203.0.113.7/32",
        "2001:db8::/32",
    ]
    # Callers of IPv4 are compared as such, also where the server sees them as `::ffff:203.0.113.7`.
    assert parse_networks(["::ffff:203.0.113.7", "::ffff:cb00:7100/120", "::/0"]) == [
        "203.0.113.7/32",
        "203.0.113.0/24",
        "::/0",
    ]
    assert not is_within("nonsense", ["0.0.0.0/0", "::/0"])
    for texts in (
        ["10.0.0.1/8"],
        ["300.1.1.1"],
        [""],
        ["example.com"],
        ["fe80::1%eth0"],
        ["fe80::%eth0/64"],
        [f"10.0.0.{n}" for n in range(51)],
    ):
        with pytest.raises(NetworkInvalidError):
            parse_networks(texts)


# --- Command and admin ----------------------------------------------------------------------------


def test_the_command_prints_the_new_key_and_lists_both(person: User, organization: Organization) -> None:
    old, _text = make(person, organization)
    out = StringIO()
    call_command("api_key", "rotate", old.prefix, "--grace-hours", "1", stdout=out)
    assert status(out.getvalue().strip()) == 200
    listed = StringIO()
    call_command("api_key", "list", stdout=listed)
    assert {line.split()[1] for line in listed.getvalue().splitlines()} == {"active", "replaced"}
    made = StringIO()
    words = ("--user", person.email, "--scopes", "orders:read", "--networks", "10.0.0.0/8", "127.0.0.1")
    call_command("api_key", "create", *words, stdout=made)
    assert status(made.getvalue().strip()) == 200


def test_the_admin_replaces_one_of_ones_own_keys(person: User, organization: Organization) -> None:
    User.objects.filter(pk=person.pk).update(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(content_type__app_label="apiauth"))
    client = Client()
    log_in(client, User.objects.get(pk=person.pk))
    old, other = (make(person, organization)[0] for _ in range(2))
    address = reverse("admin:apiauth_apikey_changelist")
    two = {"action": "rotate", "_selected_action": [str(old.pk), str(other.pk)]}
    assert "At most 1 at once" in client.post(address, two, follow=True).content.decode()
    asked = client.post(address, {"action": "rotate", "_selected_action": [str(old.pk)]})
    assert (asked.status_code, ApiKey.objects.count()) == (200, 2)
    run, item = reverse("admin:apiauth_apikey_rotate_run"), {"item": f"{old.pk}:"}
    first, second = (client.post(run, item) for _ in range(2))
    assert (second.status_code, second["Location"]) == (302, first["Location"]), "a double click"
    answer = client.get(second["Location"])
    text = answer.content.decode().partition('id="api-key">')[2].partition("<")[0]
    assert status(text) == 200
    revoke_api_key(actor=None, key_id=other.pk)
    again = client.post(run, {"item": f"{other.pk}:"}, follow=True)
    assert "has been revoked or replaced" in again.content.decode()
    assert "replaced, works on" in client.get(address).content.decode()
    assert ApiKey.objects.count() == 3


# --- Environments ---------------------------------------------------------------------------------


def test_a_key_of_an_environment_is_known_by_sight_and_stays_one(
    person: User, organization: Organization
) -> None:
    create_project(actor=system_actor(OrganizationId(organization.pk)), slug="shop", name="Shop")
    for slug, kind in (("production", "prod"), ("staging", "stg"), ("development", "dev")):
        environment = Environment.objects.get(organization=organization, slug=slug)
        key, text = create_api_key(
            actor=None,
            owner_id=person.pk,
            organization_id=organization.pk,
            environment_id=environment.pk,
            name="",
            scopes=["orders:read"],
        )
        assert text.startswith(f"holo_{kind}_{key.prefix}")
        assert status(text) == 200
        new, new_text = rotate_api_key(actor=None, key_id=key.pk)
        assert (new.environment, new_text.split("_")[1]) == (environment, kind)
        other_kind = text.replace(f"_{kind}_", "_org_")
        assert (parse_key(text), parse_key(other_kind)) == (KeyText(prefix=key.prefix, text=text), None)


def test_a_key_is_made_for_ones_own_environment_only(
    person: User, organization: Organization, owner: OwnerAccess
) -> None:
    foreign = build_organization()
    create_project(actor=system_actor(OrganizationId(foreign.pk)), slug="shop", name="Shop")
    environment = Environment.objects.get(organization=foreign, slug="production")
    with pytest.raises(NotFoundError):
        create_api_key(
            actor=None,
            owner_id=person.pk,
            organization_id=organization.pk,
            environment_id=environment.pk,
            name="",
            scopes=["orders:read"],
        )
    make(person, organization)
    with pytest.raises(Exception, match="apiauth_apikey_same_organization"):
        owner.execute(
            f"SET CONSTRAINTS ALL IMMEDIATE; UPDATE apiauth_apikey SET environment_id = '{environment.pk}'"
        )
    out = StringIO()
    create_project(actor=system_actor(OrganizationId(organization.pk)), slug="depot", name="Depot")
    words = ("--user", person.email, "--scopes", "orders:read", "--environment", "depot/staging")
    call_command("api_key", "create", *words, stdout=out)
    assert out.getvalue().startswith("holo_stg_")
