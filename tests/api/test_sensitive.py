"""Secrets that are shown and keys that are made have a limit of their own, by API and in the admin."""

import json
import re
from collections.abc import Iterator

import pytest
from django.conf import LazySettings, settings
from django.test import Client
from django.urls import reverse

from holo.apiauth.models import ApiKey
from holo.apiauth.services import create_api_key
from holo.common import throttles
from holo.common.actor import OrganizationId, system_actor
from holo.common.ids import uuid7
from holo.common.rates import Rate
from holo.identity.models import Organization, User
from holo.identity.roles import Role
from holo.identity.services import create_project
from holo.secretstore.models import Secret
from holo.secretstore.places import place_of
from holo.secretstore.services import set_secret
from tests.api.people import Api, build_key, build_person, code_of
from tests.bad_inputs.surface import endpoints
from tests.identity.people import Team, build_team
from tests.logins import log_in

pytestmark = pytest.mark.usefixtures("fresh_database", "valkey")
VARIABLES = "/api/v1/projects/shop/environments/production/variables"
TOKENS = "/api/v1/tokens/personal"
# Fields of answers that a reader could do something with.
OPENS = {"/value", "/token"}
VALUE, REASON = "canary-51de-value", "The provider asked us to compare it."


@pytest.fixture(autouse=True)
def two_at_once(settings: LazySettings) -> Iterator[None]:
    """Allow two, then one in an hour."""
    settings.RATES = {**settings.RATES, "sensitive": Rate(quota=1, seconds=3600, burst=2)}
    throttles.listen_again()
    yield
    throttles.listen_again()


@pytest.fixture
def team(fresh_database: str) -> Team:
    """An organisation whose project `shop` has its environments."""
    team = build_team()
    create_project(actor=team.actor(Role.OWNER), slug="shop", name="Shop")
    return team


def api_of(person: User, organization: Organization) -> Api:
    scopes = ["secrets:read", "secrets:write", "tokens:read", "tokens:write"]
    return Api(build_key(owner=person, organization=organization, scopes=scopes))


def token_of(organization: Organization) -> str:
    _key, text = create_api_key(
        actor=None,
        kind=ApiKey.Kind.ORGANIZATION,
        owner_id=None,
        organization_id=organization.pk,
        name="deployment",
        scopes=["secrets:read"],
    )
    return text


def a_secret(organization: Organization) -> Secret:
    actor = system_actor(OrganizationId(organization.pk))
    set_secret(actor=actor, place=place_of(organization), name="payment/stripe", value=VALUE)
    return Secret.objects.get(name="payment/stripe")


def test_values_are_read_so_often_and_other_calls_go_on(team: Team) -> None:
    person = team.people[Role.ADMIN]
    first, second = (api_of(person, team.organization) for _key in range(2))
    assert first.post(VARIABLES, {"name": "A", "value": VALUE}).status_code == 201
    read = f"{VARIABLES}/A"
    assert [api.get(read).status_code for api in (first, second)] == [200, 200]
    for api in (first, second):
        refused = api.get(read)
        assert (refused.status_code, code_of(refused)) == (429, "request.throttled")
        assert refused.json()["details"] == {"limit": "sensitive"}
        assert 3500 <= int(refused["Retry-After"]) <= 3600
        assert api.client.head(read).status_code == 429
        assert code_of(api.post(TOKENS, {"name": "x"})) == "request.throttled", (
            "keys and secrets are counted together"
        )
        assert api.get(VARIABLES).status_code == 200
        assert api.get(TOKENS).status_code == 200
    other = api_of(team.people[Role.OWNER], team.organization)
    assert other.get(read).status_code == 200


def test_tokens_of_an_organisation_are_counted_together(team: Team) -> None:
    manager = api_of(team.people[Role.ADMIN], team.organization)
    assert manager.post(VARIABLES, {"name": "A", "value": VALUE}).status_code == 201
    first, second = (Api(token_of(team.organization)) for _token in range(2))
    assert [api.get(f"{VARIABLES}/A").status_code for api in (first, second, first)] == [200, 200, 429]
    assert second.get(f"{VARIABLES}/A").status_code == 429
    assert manager.get(f"{VARIABLES}/A").status_code == 200


def test_pages_of_the_admin_count_with_the_calls_and_say_how_long(team: Team) -> None:
    root = build_person(organization=team.organization, superuser=True)
    secret, browser = a_secret(team.organization), Client()
    log_in(browser, root)
    reveal = reverse("admin:secretstore_secret_reveal", args=[secret.pk])
    add, rotate = reverse("admin:apiauth_apikey_add"), reverse("admin:apiauth_apikey_rotate_run")
    place = {"organization": team.organization.pk, "scopes": ["orders:read"]}
    wanted = {"kind": "key", "name": "till", "days": 5, **place}
    assert VALUE in browser.post(reveal, {"reason": REASON}).content.decode()
    assert "holo_org_" in browser.post(add, {**wanted, "token": uuid7()}, follow=True).content.decode()

    refused = browser.post(reveal, {"reason": REASON}).content.decode()
    assert VALUE not in refused
    assert re.search(r"too many calls; try again in 3[56]\d\d s", refused)
    assert REASON in refused, "what was typed is kept"
    assert "too many calls" in browser.post(add, {**wanted, "token": uuid7()}).content.decode()
    chosen = {"item": f"{ApiKey.objects.get(owner=root).pk}:"}
    assert "too many calls" in browser.post(rotate, chosen, follow=True).content.decode()
    assert ApiKey.objects.count() == 1
    assert api_of(root, team.organization).post(TOKENS, {"name": "x"}).status_code == 429


# A browser's login shows a token after a person approved it, and has a limit by address; a public token is
# made for each visitor of a shop, does little and lives minutes.
_OTHERWISE = {("POST", "/api/v1/tokens"), ("POST", "/api/v1/tokens/public")}


def test_every_call_that_gives_what_opens_something_is_counted() -> None:
    golden = json.loads((settings.BASE_DIR / "tests" / "security" / "fields.json").read_text())
    gives = {tuple(call.split(" ")) for call, of in golden["calls"].items() if OPENS & set(of["gives"])}
    counted = {
        (method, re.sub(r"<\w+:(\w+)>", r"{\1}", f"/api/v1/{each.route}"))
        for each in endpoints()
        for method in each.view.sensitive
    }
    assert gives - _OTHERWISE == counted
    assert gives > _OTHERWISE
