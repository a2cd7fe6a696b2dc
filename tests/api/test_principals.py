"""Whose an Idempotency-Key is: a person's in an organisation, or that of all rotations of its token."""

import hmac
import json
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings, settings
from django.db.models.functions import Now
from django.test import Client

from holo.apiauth.models import ApiKey
from holo.apiauth.services import create_api_key, rotate_api_key
from holo.audit.models import AuditEvent
from holo.idempotency.models import IdempotencyLog
from holo.identity.models import Environment, Membership, Organization, User
from tests.api.people import Api, build_key, build_person, code_of
from tests.api.signers import build_signer
from tests.builders import build_organization
from tests.logins import log_in
from tests.planting import as_owner, plant
from tests.racing import race

pytestmark = [pytest.mark.usefixtures("fresh_database"), pytest.mark.urls("tests.api.sample_urls")]
NOTES = "/api/v1/notes"
WRITE = ["orders:read", "orders:write"]
# Where an organisation's token may write.
HOUSEKEEPING = "/api/v1/housekeeping"
KEEP = ["organization:read", "organization:write"]
KEY = {"Idempotency-Key": "k-1"}


@pytest.fixture
def organization(fresh_database: str) -> Organization:
    return build_organization()


@pytest.fixture
def person(organization: Organization) -> User:
    return build_person(organization=organization, groups=["operator"])


def key_of(person: User, organization: Organization) -> Api:
    return Api(build_key(owner=person, organization=organization, scopes=WRITE))


def token_of(organization: Organization) -> tuple[ApiKey, str]:
    """Make a token that is the organisation's."""
    return create_api_key(
        actor=None,
        owner_id=None,
        organization_id=organization.pk,
        name="shop",
        scopes=KEEP,
        kind=ApiKey.Kind.ORGANIZATION,
    )


def successor_of(key_id: UUID) -> tuple[ApiKey, Api]:
    key, text = rotate_api_key(actor=None, key_id=key_id)
    return key, Api(text)


def notes() -> int:
    return AuditEvent.objects.filter(subject_type="sample").count()


def is_replay(response: Any) -> bool:
    assert response.status_code == 201, response.content
    return "Idempotent-Replayed" in response


def post(api: Api, path: str = NOTES) -> Any:
    return api.post(path, {"name": "a"}, headers=KEY)


def test_two_members_of_one_organization_do_not_meet(organization: Organization, person: User) -> None:
    colleague = build_person(organization=organization, groups=["operator"])
    answers = [post(key_of(somebody, organization)) for somebody in (person, colleague)]
    assert [is_replay(answer) for answer in answers] == [False, False]
    assert notes() == 2


def test_one_person_in_two_organizations_is_two_callers(organization: Organization, person: User) -> None:
    other = build_organization()
    Membership.objects.create(user=person, organization=other)
    answers = [post(key_of(person, place)) for place in (organization, other)]
    assert [is_replay(answer) for answer in answers] == [False, False]
    assert notes() == 2


def test_person_is_one_caller_with_every_key_and_session(organization: Organization, person: User) -> None:
    first = post(key_of(person, organization))
    again = post(key_of(person, organization))
    browser = Api()
    browser.client = Client()
    log_in(browser.client, person)
    in_browser = post(browser)
    assert [is_replay(answer) for answer in (first, again, in_browser)] == [False, True, True]
    assert first.content == again.content == in_browser.content
    assert notes() == 1


def test_key_for_an_environment_is_another_caller_than_a_key_for_all() -> None:
    """There the same call can mean other things, such as a token that is signed for the environment."""
    signer = build_signer(None, "orders:write")
    answers = [post(Api(signer.text)), post(key_of(signer.owner, signer.organization))]
    assert [is_replay(answer) for answer in answers] == [False, False]
    environment = Environment.objects.get(organization=signer.organization, slug="staging")
    _key, text = create_api_key(
        actor=None,
        owner_id=signer.owner.pk,
        organization_id=signer.organization.pk,
        environment_id=environment.pk,
        name="staging",
        scopes=WRITE,
    )
    assert not is_replay(post(Api(text)))


def test_buyers_do_not_meet_and_are_the_same_with_their_next_token() -> None:
    signer = build_signer(None, "orders:write")
    answers = [
        post(Api(signer.sign(buyer=buyer, scopes=["orders:write"]))) for buyer in ("ada", "bob", "ada")
    ]
    assert [is_replay(answer) for answer in answers] == [False, False, True]


@pytest.mark.parametrize("letter", ["b", "客"])
def test_buyers_with_the_longest_names_have_keys_of_their_own_at_every_address(letter: str) -> None:
    """Where the address is long too, neither fits into the column beside the other."""
    signer = build_signer(None, "orders:write")
    buyers = [letter * 63 + end for end in ("1", "2", "1")]
    paths = [NOTES, f"{NOTES}/{signer.key.pk}"]
    tokens = [signer.sign(buyer=buyer, scopes=["orders:write"]) for buyer in buyers]
    for path in paths:
        answers = [post(Api(token), path) for token in tokens]
        assert [is_replay(answer) for answer in answers] == [False, False, True]


def test_each_successor_of_a_token_replays_what_the_first_one_did(organization: Organization) -> None:
    key, text = token_of(organization)
    first = post(Api(text), HOUSEKEEPING)
    assert not is_replay(first)
    for _ in range(3):
        key, api = successor_of(key.pk)
        again = post(api, HOUSEKEEPING)
        assert is_replay(again)
        assert again.content == first.content
    assert notes() == 1
    # Another token of the organisation is another program.
    assert not is_replay(post(Api(token_of(organization)[1]), HOUSEKEEPING))


def test_successor_of_a_persons_key_replays(organization: Organization, person: User) -> None:
    text = build_key(owner=person, organization=organization, scopes=WRITE)
    first = post(Api(text))
    _key, api = successor_of(ApiKey.objects.get().pk)
    again = post(api)
    assert (is_replay(again), again.content) == (True, first.content)


def test_successor_that_lost_the_scope_is_refused_like_a_new_call(organization: Organization) -> None:
    key, text = token_of(organization)
    assert not is_replay(post(Api(text), HOUSEKEEPING))
    new, api = successor_of(key.pk)
    plant(ApiKey.objects.filter(pk=new.pk), scopes=["organization:read"])
    for headers in (KEY, {"Idempotency-Key": "k-2"}):
        refused = api.post(HOUSEKEEPING, {"name": "a"}, headers=headers)
        assert (refused.status_code, code_of(refused)) == (403, "request.missing_scope")
    plant(ApiKey.objects.filter(pk=new.pk), scopes=KEEP)
    assert is_replay(post(api, HOUSEKEEPING))


def test_person_who_lost_the_right_is_refused_like_a_new_call(
    organization: Organization, person: User
) -> None:
    api = key_of(person, organization)
    assert not is_replay(post(api))
    person.groups.clear()
    refused = post(api)
    assert (refused.status_code, code_of(refused)) == (403, "request.missing_scope")


def test_key_and_its_successors_at_once_take_effect_once(organization: Organization) -> None:
    """The positive control is `test_command_races.py`: without a key each call takes effect."""
    key, text = token_of(organization)
    texts = [text]
    for _ in range(3):
        key, text = rotate_api_key(actor=None, key_id=key.pk)
        texts.append(text)

    def call(text: str) -> tuple[int, bytes]:
        answer = post(Api(text), HOUSEKEEPING)
        return answer.status_code, answer.content

    answers = race([lambda text=text: call(text) for text in texts * 2])  # type: ignore[misc]
    assert len(set(map(str, answers))) == 1
    assert notes() == 1


# --- Rows of versions in which a key belonged to a credential -------------------------------------


def former_row(scope: str, secret: str) -> IdempotencyLog:
    """Store a response as those versions did."""
    canonical = json.dumps({"name": "a"}, separators=(",", ":"))
    return IdempotencyLog.objects.create(
        scope=scope,
        key=KEY["Idempotency-Key"],
        fingerprint=hmac.digest(secret.encode(), canonical.encode(), "sha256").hex(),
        status=201,
        headers={"Content-Type": "application/json"},
        body=b'{"id":1}',
        expires_at=Now() + timedelta(hours=24),
    )


def test_response_stored_before_the_upgrade_is_replayed(organization: Organization, person: User) -> None:
    api = key_of(person, organization)
    kept = former_row(f"http:{ApiKey.objects.get().pk}:POST:api/v1/notes:", settings.SECRET_KEY)
    assert (is_replay(post(api)), post(api).content) == (True, b'{"id":1}')
    other = api.post(NOTES, {"name": "b"}, headers=KEY)
    assert (other.status_code, code_of(other)) == (409, "request.idempotency_key_unverifiable")
    # Nothing takes its place: the next call finds it too.
    assert list(IdempotencyLog.objects.all()) == [kept]
    assert notes() == 0


def test_response_stored_before_the_upgrade_outlives_a_new_secret_key(
    organization: Organization, person: User, settings: LazySettings
) -> None:
    api = key_of(person, organization)
    former_row(f"http:{ApiKey.objects.get().pk}:POST:api/v1/notes:", settings.SECRET_KEY)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, [settings.SECRET_KEY]
    assert is_replay(post(api))
    settings.SECRET_KEY_FALLBACKS = []
    assert code_of(post(api)) == "request.idempotency_key_unverifiable"
    assert notes() == 0


def test_response_that_a_public_token_stored_before_the_upgrade_is_replayed() -> None:
    signer = build_signer(None, "orders:write")
    one, other = (signer.sign(scopes=["orders:write"]) for _ in range(2))
    jti = import_module("jwt").decode(one, options={"verify_signature": False})["jti"]
    former_row(f"http:{signer.key.pk}:{jti}:POST:api/v1/notes:", settings.SECRET_KEY)
    assert [is_replay(post(Api(text))) for text in (one, other)] == [True, False]


def test_migration_finds_the_first_of_each_rotation(organization: Organization, person: User) -> None:
    """As rows were before the column: the migration's own statement fills it."""
    single, _text = token_of(organization)
    first, _text = token_of(organization)
    second, _api = successor_of(first.pk)
    third, _api = successor_of(second.pk)
    wanted = {single.pk: None, first.pk: None, second.pk: first.pk, third.pk: first.pk}
    assert dict(ApiKey.objects.values_list("pk", "first_id")) == wanted
    plant(ApiKey.objects.all(), first=None)
    _column, fill = import_module("holo.apiauth.migrations.0007_first_of_rotations").Migration.operations
    as_owner(fill.sql)
    assert dict(ApiKey.objects.values_list("pk", "first_id")) == wanted
