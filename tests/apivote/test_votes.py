"""Votes: one for each person and integration, counted, taken back, and never two in a race."""

import threading
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from holo.apivote.models import ApiIntegrationVote, Integration
from holo.apivote.services import vote_for_integration, withdraw_vote
from holo.audit.models import AuditEvent
from holo.common.errors import NotFoundError
from holo.identity.models import Membership, User
from holo.identity.roles import Role
from orders.groups import ensure_groups
from tests.api.people import Api, build_key, build_person, code_of
from tests.builders import build_organization
from tests.identity.people import Team, actor_of, build_team
from tests.logins import log_in
from tests.racing import race

SHOPIFY = "/api/v1/integrations/shopify"
SCOPES = ["integrations:read", "integrations:vote"]
pytestmark = pytest.mark.usefixtures("fresh_database")


@pytest.fixture
def team(fresh_database: str) -> Team:
    return build_team()


def api_of(team: Team, role: Role) -> Api:
    return Api(build_key(owner=team.people[role], organization=team.organization, scopes=SCOPES))


def delete(api: Api, path: str) -> Any:
    return api.client.delete(path)


def audited() -> list[str]:
    return list(
        AuditEvent.objects.filter(action__startswith="apivote.")
        .order_by("id")
        .values_list("action", flat=True)
    )


def test_a_vote_counts_once_however_often_it_is_given(team: Team) -> None:
    api, other = api_of(team, Role.MEMBER), api_of(build_team(), Role.OWNER)
    first = api.post(f"{SHOPIFY}/vote", {})
    assert (first.status_code, first.json()["votes"], first.json()["voted"]) == (200, 1, True)
    assert api.post(f"{SHOPIFY}/vote", {}).json() == first.json()
    assert other.get(SHOPIFY).json() == {**first.json(), "voted": False}
    assert other.post(f"{SHOPIFY}/vote", {}).json()["votes"] == 2
    assert audited() == ["apivote.voted"] * 2


def test_a_vote_is_taken_back_and_a_second_time_changes_nothing(team: Team) -> None:
    api = api_of(team, Role.MEMBER)
    api.post(f"{SHOPIFY}/vote", {})
    for _ in range(2):
        answer = delete(api, f"{SHOPIFY}/vote")
        assert (answer.status_code, answer.json()["votes"], answer.json()["voted"]) == (200, 0, False)
    assert audited() == ["apivote.voted", "apivote.vote_withdrawn"]
    assert api.post(f"{SHOPIFY}/vote", {}).json()["votes"] == 1


def test_the_catalogue_is_listed_with_counts_and_ones_own_votes(team: Team) -> None:
    api = api_of(team, Role.MEMBER)
    api.post("/api/v1/integrations/dhl/vote", {})
    found = api.get("/api/v1/integrations?category=carrier&limit=200").json()["results"]
    assert {row["category"] for row in found} == {"carrier"}
    assert [row["identifier"] for row in found if row["voted"]] == ["dhl"]
    assert [row["votes"] for row in found if row["identifier"] == "dhl"] == [1]
    assert [row["identifier"] for row in api.get("/api/v1/integrations?voted=true").json()["results"]] == [
        "dhl"
    ]
    names = api.get("/api/v1/integrations?name=shop&limit=200").json()["results"]
    assert "shopify" in [row["identifier"] for row in names]
    assert all("shop" in row["name"].lower() for row in names)
    everything = api.get("/api/v1/integrations?voted=false&limit=200").json()["results"]
    assert len(everything) == Integration.objects.count() - 1


def test_a_vote_is_the_persons_in_whichever_organisation(team: Team) -> None:
    person, other = team.people[Role.MEMBER], build_organization()
    Membership.objects.create(user=person, organization=other)
    for organization in (team.organization, other):
        key = build_key(owner=person, organization=organization, scopes=SCOPES)
        assert Api(key).post(f"{SHOPIFY}/vote", {}).json()["votes"] == 1


def test_votes_of_who_was_deactivated_are_not_counted(team: Team) -> None:
    api = api_of(team, Role.MEMBER)
    vote_for_integration(actor=team.actor(Role.OWNER), identifier="shopify")
    assert api.get(SHOPIFY).json()["votes"] == 1
    User.objects.filter(pk=team.people[Role.OWNER].pk).update(is_active=False)
    assert api.get(SHOPIFY).json()["votes"] == 0


def test_what_is_unknown_or_no_longer_listed_is_not_found(team: Team) -> None:
    api = api_of(team, Role.MEMBER)
    Integration.objects.filter(identifier="stripe").update(listed=False)
    for identifier in ("stripe", "no-such"):
        path = f"/api/v1/integrations/{identifier}"
        for answer in (api.get(path), api.post(f"{path}/vote", {}), delete(api, f"{path}/vote")):
            assert code_of(answer) == "request.not_found"
        with pytest.raises(NotFoundError):
            vote_for_integration(actor=team.actor(Role.OWNER), identifier=identifier)
        with pytest.raises(NotFoundError):
            withdraw_vote(actor=team.actor(Role.OWNER), identifier=identifier)
    assert ApiIntegrationVote.objects.count() == 0


def test_the_list_takes_the_same_number_of_queries_for_any_number_of_rows(team: Team) -> None:
    api = api_of(team, Role.MEMBER)
    api.get("/api/v1/integrations")  # notes that the key was used
    counts = []
    for limit in (1, 50):
        with CaptureQueriesContext(connection) as queries:
            api.get(f"/api/v1/integrations?limit={limit}")
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- At the same instant --------------------------------------------------------------------------


def test_looking_before_writing_alone_lets_all_but_one_fail(team: Team) -> None:
    """The positive control: each has looked, sees no vote and inserts one; the index is what stops it."""
    person, integration = team.people[Role.MEMBER], Integration.objects.get(identifier="shopify")
    everybody_has_looked = threading.Barrier(8)

    def look_then_write() -> ApiIntegrationVote:
        assert not ApiIntegrationVote.objects.filter(user=person, integration=integration).exists()
        everybody_has_looked.wait(60)
        return ApiIntegrationVote.objects.create(user=person, integration=integration)

    outcomes = race([look_then_write] * 8)
    assert sum(isinstance(outcome, IntegrityError) for outcome in outcomes) == 7


def test_of_equal_votes_at_once_one_is_written_and_none_fails(team: Team) -> None:
    actor = actor_of(team.people[Role.MEMBER], team.organization)
    outcomes = race([lambda: vote_for_integration(actor=actor, identifier="shopify")] * 8)
    assert all(isinstance(outcome, Integration) for outcome in outcomes), outcomes
    assert ApiIntegrationVote.objects.count() == 1
    assert audited() == ["apivote.voted"]
    outcomes = race([lambda: withdraw_vote(actor=actor, identifier="shopify")] * 8)
    assert all(isinstance(outcome, Integration) for outcome in outcomes), outcomes
    assert audited() == ["apivote.voted", "apivote.vote_withdrawn"]


# --- In the admin ---------------------------------------------------------------------------------


def logged_in(person: User) -> Client:
    User.objects.filter(pk=person.pk).update(is_staff=True)
    client = Client()
    log_in(client, User.objects.get(pk=person.pk))
    return client


def test_the_admin_ranks_by_votes_and_names_nobody(team: Team) -> None:
    ensure_groups()
    for identifier, roles in (("zto", Role), ("dhl", [Role.OWNER, Role.MEMBER])):
        for role in roles:
            vote_for_integration(actor=team.actor(role), identifier=identifier)
    client = logged_in(build_person(organization=team.organization, groups=["viewer"]))
    listed = client.get(reverse("admin:apivote_integration_changelist"))
    top = [(row.identifier, row.vote_count) for row in listed.context["cl"].result_list[:3]]
    assert top[:2] == [("zto", 4), ("dhl", 2)]
    assert top[2][1] == 0
    ascending = client.get(reverse("admin:apivote_integration_changelist") + "?o=1&category=carrier")
    assert [row.identifier for row in ascending.context["cl"].result_list][-2:] == ["dhl", "zto"]
    page = client.get(
        reverse("admin:apivote_integration_change", args=[listed.context["cl"].result_list[0].pk])
    )
    assert page.status_code == 200
    for person in team.people.values():
        assert person.email not in page.content.decode() + listed.content.decode()


def test_nobody_writes_the_catalogue_or_votes_in_the_admin(team: Team) -> None:
    integration = Integration.objects.get(identifier="shopify")
    without = build_person(organization=team.organization)
    assert logged_in(without).get(reverse("admin:apivote_integration_changelist")).status_code == 403
    everything = build_person(organization=team.organization)
    everything.user_permissions.set(Permission.objects.filter(content_type__app_label="apivote"))
    for person in (everything, build_person(organization=None, superuser=True)):
        client = logged_in(person)
        for name, args in (("add", []), ("change", [integration.pk]), ("delete", [integration.pk])):
            address = reverse(f"admin:apivote_integration_{name}", args=args)
            assert client.post(address, {"name": "x", "post": "yes"}).status_code == 403
    integration.refresh_from_db()
    assert integration.name == "Shopify"


def test_the_list_in_the_admin_takes_a_fixed_number_of_queries(team: Team) -> None:
    client = logged_in(build_person(organization=None, superuser=True))
    address = reverse("admin:apivote_integration_changelist")
    counts = []
    for query in ("?category=customers", ""):
        with CaptureQueriesContext(connection) as queries:
            client.get(address + query)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_nul_in_the_address_finds_nothing(team: Team) -> None:
    client = logged_in(build_person(organization=None, superuser=True))
    answer = client.get(reverse("admin:apivote_integration_changelist") + "?category=%00")
    assert (answer.status_code, list(answer.context["cl"].result_list)) == (200, [])
