"""The login from the command line: one code, one person's decision, one token."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client

from holo.apiauth.models import ApiKey, AuthorizationCode
from holo.apiauth.services import codes
from holo.apiauth.services.codes import MAX_PER_ADDRESS, POLL_EVERY
from holo.audit.models import AuditEvent
from holo.identity.models import Membership, User
from holo.identity.roles import Role
from tests.api.people import Api, code_of
from tests.conftest import OwnerAccess
from tests.identity.people import Team, build_team
from tests.logins import log_in
from tests.planting import plant
from tests.racing import race

BEGIN, TAKE, WHOAMI = "/api/v1/authorization-codes", "/api/v1/tokens", "/api/v1/whoami"
WISH = {"client_name": "holo on a laptop", "scopes": ["organization:read", "orders:read"]}


@pytest.fixture
def team(fresh_database: str) -> Team:
    """An organisation whose people may use the admin."""
    made = build_team()
    User.objects.update(is_staff=True)
    return made


def begin(**wish: Any) -> dict[str, Any]:
    answer = Api().post(BEGIN, {**WISH, **wish})
    assert answer.status_code == 201, answer.content
    begun: dict[str, Any] = answer.json()
    return begun


def page_of(begun: dict[str, Any]) -> str:
    return "/authorize/" + str(begun["url"]).rpartition("/")[2]


def browser(team: Team, role: Role = Role.MEMBER) -> Client:
    client = Client()
    log_in(client, User.objects.get(pk=team.people[role].pk))
    return client


def decide(team: Team, begun: dict[str, Any], decision: str = "approve", role: Role = Role.MEMBER) -> Any:
    wish = {"organization": team.organization.pk, "decision": decision}
    return browser(team, role).post(page_of(begun), wish)


def take(begun: dict[str, Any]) -> Any:
    return Api().post(TAKE, {"code": begun["code"]})


def later() -> None:
    """Let the time between two questions pass."""
    AuthorizationCode.objects.update(polled_at=F("polled_at") - POLL_EVERY)


def run_out() -> None:
    plant(AuthorizationCode.objects.all(), expires_at=Now())


def test_approved_code_gives_a_personal_token_once(team: Team) -> None:
    begun = begin()
    assert code_of(take(begun)) == "apiauth.authorization_pending"
    page = browser(team).get(page_of(begun)).content.decode()
    for shown in (begun["user_code"], "holo on a laptop", "from 127.0.0.1.", team.organization.name):
        assert shown in page
    assert begun["code"] not in page
    assert "organization:read" in page
    assert "orders:read" not in page, "what the person lacks is not promised"
    assert "takes its token now" in decide(team, begun).content.decode()
    later()
    answer = take(begun)
    assert answer.status_code == 201, answer.content
    assert answer["Cache-Control"] == "no-store"
    who = Api(answer.json()["token"]).get(WHOAMI).json()
    member = team.people[Role.MEMBER]
    assert (who["kind"], who["user"]["id"]) == ("personal_token", str(member.pk))
    assert (who["scopes"], who["organization"]["id"]) == (
        ["organization:read"],
        str(team.organization.pk),
    )
    assert code_of(take(begun)) == "apiauth.authorization_over"
    assert ApiKey.objects.count() == 1
    assert AuditEvent.objects.get(action="apiauth.code_approved").actor_id == member.pk


def test_session_of_another_organisation_does_not_hide_the_code(team: Team) -> None:
    begun = begin()
    decide(team, begun)
    stranger = build_team()
    User.objects.filter(pk=stranger.people[Role.MEMBER].pk).update(is_staff=True)
    taken = browser(stranger).post(TAKE, {"code": begun["code"]}, content_type="application/json")
    assert taken.status_code == 201, taken.content


def test_refused_code_gives_nothing(team: Team) -> None:
    begun = begin()
    assert "gets no token" in decide(team, begun, "refuse").content.decode()
    assert code_of(take(begun)) == "apiauth.authorization_refused"
    assert "gets no token" in decide(team, begun).content.decode()
    assert code_of(take(begun)) == "apiauth.authorization_refused"
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("decision", ["approve", "refuse"])
def test_second_click_and_reload_show_what_was_decided(team: Team, decision: str) -> None:
    """They told that there was nothing to approve, after the approval."""
    begun = begin()
    said = "takes its token now" if decision == "approve" else "gets no token"
    for _click in range(2):
        assert said in decide(team, begun, decision).content.decode()
    take(begun)
    assert said in browser(team).get(page_of(begun)).content.decode()
    assert AuditEvent.objects.filter(action__startswith="apiauth.code_").count() == 1
    other = build_team()
    User.objects.filter(pk=other.people[Role.MEMBER].pk).update(is_staff=True)
    assert browser(other).get(page_of(begun)).status_code == 404


@pytest.mark.parametrize("approved", [False, True])
def test_code_that_has_run_out_gives_nothing(team: Team, approved: bool) -> None:
    begun = begin()
    if approved:
        decide(team, begun)
    run_out()
    assert code_of(take(begun)) == "apiauth.authorization_over"
    assert decide(team, begun).status_code == 404
    assert browser(team).get(page_of(begun)).status_code == 404
    assert not ApiKey.objects.exists()


def test_code_that_is_nowhere_is_not_found(team: Team) -> None:
    begun = begin()
    assert code_of(take({"code": "x" * 43})) == "request.not_found"
    # Neither what the page's address says nor what it shows is the code.
    for known in (page_of(begun).rpartition("/")[2], begun["user_code"]):
        assert code_of(take({"code": known})) == "request.not_found"


def test_who_asks_too_often_is_told_to_slow_down(team: Team) -> None:
    begun = begin()
    take(begun)
    answer = take(begun)
    assert (answer.status_code, code_of(answer), answer["Retry-After"]) == (429, "apiauth.slow_down", "5")
    later()
    assert code_of(take(begun)) == "apiauth.authorization_pending"


def test_of_questions_at_once_one_is_answered(team: Team) -> None:
    begun = begin()
    found = [code_of(answer) for answer in race([lambda: take(begun)] * 6)]
    assert sorted(set(found)) == ["apiauth.authorization_pending", "apiauth.slow_down"]
    assert found.count("apiauth.authorization_pending") == 1


def test_address_gets_so_many_codes_and_no_more(team: Team) -> None:
    for _count in range(MAX_PER_ADDRESS - 2):
        begin()
    outcomes = race([lambda: Api().post(BEGIN, WISH)] * 6)
    assert sorted(int(answer.status_code) for answer in outcomes if not isinstance(answer, Exception)) == (
        [201, 201, 429, 429, 429, 429]
    )
    refused = Api().post(BEGIN, WISH)
    assert (code_of(refused), refused["Retry-After"]) == ("apiauth.too_many_codes", "600")
    elsewhere = Client(REMOTE_ADDR="203.0.113.9").post(
        BEGIN, json.dumps(WISH), content_type="application/json"
    )
    assert elsewhere.status_code == 201
    plant(AuthorizationCode.objects.all(), created_at=F("created_at") - timedelta(minutes=11))
    begin()


@pytest.mark.django_db
@pytest.mark.parametrize("address", [BEGIN, TAKE])
def test_whoever_is_not_known_sends_no_large_body(address: str) -> None:
    largest = 16 * 1024
    body = json.dumps({"code": "x" * largest})
    answer = Api().client.post(address, body, content_type="application/json")
    assert (answer.status_code, code_of(answer)) == (413, "request.body_too_large")
    assert answer.json()["details"] == {"limit": largest}
    fits = Api().client.post(address, body[:100] + '"}', content_type="application/json")
    assert fits.status_code in (400, 404)


@contextmanager
def _no_lock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(codes, "lock_code", lambda **where: AuthorizationCode.objects.filter(**where).first())
        yield


def test_control_without_lock_and_guard_a_code_gives_several_tokens(
    team: Team, owner: OwnerAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.execute("DROP TRIGGER apiauth_authorizationcode_set_once ON apiauth_authorizationcode")
    for _round in range(10):
        begun = begin()
        decide(team, begun)
        before = ApiKey.objects.count()
        with _no_lock(monkeypatch):
            race([lambda begun=begun: take(begun)] * 8)  # type: ignore[misc]
        if ApiKey.objects.count() - before > 1:
            return
    raise AssertionError("the race did not show")


@pytest.mark.parametrize("_round", range(5))
def test_of_takers_at_once_one_gets_the_token(team: Team, _round: int) -> None:
    begun = begin()
    decide(team, begun)
    answers = race([lambda: take(begun)] * 8)
    statuses = sorted(int(answer.status_code) for answer in answers if not isinstance(answer, Exception))
    assert statuses == [201, *[409] * 7]
    assert ApiKey.objects.count() == 1


def test_of_decisions_at_once_one_counts(team: Team) -> None:
    begun = begin()
    roles = [Role.OWNER, Role.ADMIN, Role.MEMBER, Role.AUDITOR]
    pages = race([lambda role=role: decide(team, begun, role=role) for role in roles])  # type: ignore[misc]
    texts = [page.content.decode() for page in pages if not isinstance(page, Exception)]
    assert sum("takes its token now" in text for text in texts) == 1
    assert AuditEvent.objects.filter(action="apiauth.code_approved").count() == 1


def test_person_who_left_meanwhile_gives_no_token(team: Team) -> None:
    begun = begin()
    decide(team, begun)
    Membership.objects.filter(user=team.people[Role.MEMBER]).delete()
    assert code_of(take(begun)) == "apiauth.authorization_refused"
    assert not ApiKey.objects.exists()


def test_page_takes_no_foreign_organisation_and_no_scope_that_is_not_there(team: Team) -> None:
    begun = begin(scopes=["orders:read"])
    wish = {"organization": build_team().organization.pk, "decision": "approve"}
    assert "errorlist" in browser(team).post(page_of(begun), wish).content.decode()
    assert "You have none" in decide(team, begun).content.decode().replace("you have none", "You have none")
    assert AuthorizationCode.objects.get().state == "open"


def test_page_asks_for_login_and_for_the_csrf_token(team: Team) -> None:
    begun = begin()
    answer = Client().get(page_of(begun))
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={page_of(begun)}")
    User.objects.update(is_staff=False)
    assert browser(team).post(page_of(begun), {"decision": "approve"}).status_code == 302
    User.objects.update(is_staff=True)
    strict = Client(enforce_csrf_checks=True)
    log_in(strict, team.people[Role.MEMBER])
    wish = {"organization": team.organization.pk, "decision": "approve"}
    assert strict.post(page_of(begun), wish).status_code == 403
    shown = strict.get(page_of(begun))
    assert shown["X-Frame-Options"] == "DENY"
    assert AuthorizationCode.objects.get().state == "open"


def test_program_cannot_dress_up_the_page(team: Team) -> None:
    page = browser(team).get(page_of(begin(client_name="<script>alert(1)</script>"))).content.decode()
    assert "<script>alert" not in page
    for name in ("", "x" * 101, "a\u202eb"):
        assert Api().post(BEGIN, {**WISH, "client_name": name}).status_code == 400


def test_code_and_token_are_in_no_log_and_no_row(team: Team, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        begun = begin()
        decide(team, begun)
        token = take(begun).json()["token"]
    rows = [*AuditEvent.objects.values(), *AuthorizationCode.objects.values(), *ApiKey.objects.values()]
    kept = caplog.text + json.dumps(rows, default=str)
    assert begun["code"] not in kept
    assert token[17:] not in kept


@pytest.mark.parametrize("end", ["another password", "deactivated for a moment", "left for a moment"])
def test_what_was_approved_ends_with_the_session_that_approved_it(team: Team, end: str) -> None:
    begun = begin()
    decide(team, begun)
    person = User.objects.get(pk=team.people[Role.MEMBER].pk)
    if end == "another password":
        person.set_password("another-long-password-of-theirs")
        person.save()
    elif end == "deactivated for a moment":
        User.objects.filter(pk=person.pk).update(is_active=False)
        User.objects.filter(pk=person.pk).update(is_active=True)
    else:
        Membership.objects.filter(user=person).delete()
        Membership.objects.create(user=person, organization=team.organization)
    answer = take(begun)
    assert (answer.status_code, answer.json()["code"]) == (403, "apiauth.authorization_refused")
    assert not ApiKey.objects.exists()
