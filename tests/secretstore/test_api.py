"""Variables of an environment as clients of the API see them: values go in, and come out when asked for."""

import io
import json
from typing import Any

import pytest
from django.core.management import call_command

from holo.apiauth.services import create_api_key
from holo.audit.models import AuditEvent
from holo.idempotency.models import IdempotencyLog
from holo.identity.models import Environment
from holo.identity.roles import Role
from holo.identity.services import create_project
from holo.secretstore.models import SecretVersion
from tests.api.people import Api, build_key, code_of
from tests.identity.people import Team, build_team

CANARY = "canary-77ab"
BASE = "/api/v1/projects/shop/environments/production"
SCOPES = ["secrets:read", "secrets:write"]


def api_of(team: Team, role: Role) -> Api:
    return Api(build_key(owner=team.people[role], organization=team.organization, scopes=SCOPES))


@pytest.fixture
def api(team: Team) -> Api:
    return api_of(team, Role.ADMIN)


def change(api: Api, method: str, path: str, body: object = None, **headers: str) -> Any:
    data = b"" if body is None else json.dumps(body).encode()
    return api.client.generic(method, path, data, content_type="application/json", headers=headers)


def test_a_variable_is_added_read_changed_and_deleted(team: Team, api: Api) -> None:
    made = api.post(f"{BASE}/variables", {"name": "STRIPE_KEY", "value": CANARY})
    assert (made.status_code, made.json()) == (201, {"name": "STRIPE_KEY", "version": 1})
    path = f"{BASE}/variables/STRIPE_KEY"
    assert api.get(path).json() == {"name": "STRIPE_KEY", "version": 1, "value": CANARY}
    assert change(api, "PATCH", path, {"value": "two"}).json() == {"name": "STRIPE_KEY", "version": 2}
    assert api.get(path).json()["value"] == "two"
    listed = api.get(f"{BASE}/variables").json()["results"]
    assert [(row["name"], row["version"]) for row in listed] == [("STRIPE_KEY", 2)]
    assert set(listed[0]) == {"name", "version", "changed_at"}
    assert change(api, "DELETE", path).json() == {"name": "STRIPE_KEY", "version": 2}
    assert code_of(api.get(path)) == code_of(change(api, "DELETE", path)) == "request.not_found"
    assert code_of(change(api, "PATCH", path, {"value": "x"})) == "request.not_found"
    assert api.get(f"{BASE}/variables").json()["results"] == []
    again = api.post(f"{BASE}/variables", {"name": "STRIPE_KEY", "value": ""})
    assert again.json() == {"name": "STRIPE_KEY", "version": 3}
    assert api.get(path).json()["value"] == ""
    actions = AuditEvent.objects.filter(action__startswith="secretstore.").order_by("id")
    assert [row.action.partition("_")[2] for row in actions] == [
        *("set", "read", "set", "read", "deleted", "set", "read")
    ]
    assert {row.actor_id for row in actions} == {team.people[Role.ADMIN].pk}


def test_a_file_is_imported_whole_or_not_at_all(team: Team, api: Api) -> None:
    api.post(f"{BASE}/variables", {"name": "A", "value": "old"})
    text = 'A=new\nexport B="two words"\n# said\nC=3\n'
    first = api.post(f"{BASE}/import", {"dotenv": text})
    assert (first.status_code, first.json()) == (200, {"created": 2, "updated": 0, "skipped": 1})
    assert api.get(f"{BASE}/variables/A").json()["value"] == "old"
    second = api.post(f"{BASE}/import", {"dotenv": text, "overwrite": True})
    assert second.json() == {"created": 0, "updated": 3, "skipped": 0}
    assert [api.get(f"{BASE}/variables/{name}").json()["value"] for name in "ABC"] == [
        "new",
        "two words",
        "3",
    ]
    versions = SecretVersion.objects.count()
    for bad in ("D=4\nno line", "D=4\nD=5", "D=4\n" + f"E={'x' * 32_769}"):
        answer = api.post(f"{BASE}/import", {"dotenv": bad})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/dotenv"), bad[:20]
    many = "\n".join(f"N{number}=1" for number in range(201))
    assert api.post(f"{BASE}/import", {"dotenv": many}).status_code == 400
    assert SecretVersion.objects.count() == versions


def test_a_repeated_key_makes_one_version_and_keeps_no_value(team: Team, api: Api) -> None:
    for _ in range(2):
        answer = api.post(
            f"{BASE}/variables", {"name": "A", "value": CANARY}, headers={"Idempotency-Key": "one"}
        )
        assert (answer.status_code, answer.json()["version"]) == (201, 1)
    assert answer["Idempotent-Replayed"] == "true"
    other = api.post(f"{BASE}/variables", {"name": "A", "value": "x"}, headers={"Idempotency-Key": "one"})
    assert other.status_code == 422
    stored = IdempotencyLog.objects.get(key="one")
    assert CANARY not in f"{bytes(stored.body or b'')!r} {stored.fingerprint} {stored.headers}"


@pytest.mark.parametrize("role", [Role.MEMBER, Role.AUDITOR])
def test_who_does_not_manage_reads_and_changes_no_value(team: Team, api: Api, role: Role) -> None:
    api.post(f"{BASE}/variables", {"name": "A", "value": CANARY})
    other = api_of(team, role)
    answers = [
        other.get(f"{BASE}/variables/A"),
        other.post(f"{BASE}/variables", {"name": "B", "value": "x"}),
        other.post(f"{BASE}/import", {"dotenv": "B=1"}),
        change(other, "PATCH", f"{BASE}/variables/A", {"value": "x"}),
        change(other, "DELETE", f"{BASE}/variables/A"),
    ]
    assert {code_of(answer) for answer in answers} == {"identity.role_required"}
    assert all(CANARY.encode() not in answer.content for answer in answers)
    assert other.get(f"{BASE}/variables").json()["results"][0]["name"] == "A"
    assert api.get(f"{BASE}/variables/A").json()["value"] == CANARY


def test_each_part_of_the_address_is_the_callers_own(team: Team, api: Api) -> None:
    stranger = build_team()
    create_project(actor=stranger.actor(Role.OWNER), slug="theirs", name="Theirs")
    foreign = api_of(stranger, Role.OWNER)
    foreign.post("/api/v1/projects/theirs/environments/production/variables", {"name": "A", "value": CANARY})
    api.post(f"{BASE}/variables", {"name": "A", "value": "own"})
    for place in ("theirs/environments/production", "shop/environments/none", "none/environments/production"):
        for path in ("variables", "variables/A"):
            answer = api.get(f"/api/v1/projects/{place}/{path}")
            assert code_of(answer) == "request.not_found", (place, path)
        made = api.post(f"/api/v1/projects/{place}/variables", {"name": "B", "value": "x"})
        assert code_of(made) == "request.not_found"
    assert code_of(foreign.get(f"{BASE}/variables/A")) == "request.not_found"
    assert code_of(api.get("/api/v1/projects/shop/environments/staging/variables/A")) == "request.not_found"
    assert Environment.objects.filter(slug="production").count() == 2


def test_a_key_of_one_environment_reaches_no_other(team: Team, api: Api, production: Environment) -> None:
    api.post(f"{BASE}/variables", {"name": "A", "value": "1"})
    staging = BASE.replace("production", "staging")
    api.post(f"{staging}/variables", {"name": "A", "value": "2"})
    _key, text = create_api_key(
        actor=None,
        owner_id=team.people[Role.ADMIN].pk,
        organization_id=team.organization.pk,
        environment_id=production.pk,
        name="",
        scopes=SCOPES,
    )
    narrow = Api(text)
    assert narrow.get(f"{BASE}/variables/A").json()["value"] == "1"
    answers = [
        narrow.get(f"{staging}/variables"),
        narrow.get(f"{staging}/variables/A"),
        narrow.post(f"{staging}/variables", {"name": "B", "value": "x"}),
        narrow.post(f"{staging}/import", {"dotenv": "B=1"}),
        change(narrow, "PATCH", f"{staging}/variables/A", {"value": "x"}),
        change(narrow, "DELETE", f"{staging}/variables/A"),
    ]
    assert {code_of(answer) for answer in answers} == {"request.not_found"}
    assert api.get(f"{staging}/variables/A").json() == {"name": "A", "version": 1, "value": "2"}


# What normalisation, trimming, line ends or the rule about characters would change.
EXACT = (
    *(
        "e\u0301",
        "\u212b",
        "\uac00\u1100",
        " a ",
        "\ta\n",
        "\n",
        "a\r\nb\r",
        "\r",
        "\ufeffa\ufeff",
        "\u3164\u2800",
    ),
    *(
        "a\u2028b\u2029\x85c\v\f",
        "\x1b[0m\x07\x7f",
        "\u202e\u200b",
        "\ufffe\uffff",
        "\U0001fae9",
        "{{ x }} <b>&amp;",
    ),
    "-----BEGIN KEY-----\r\nMIIB\r\n-----END KEY-----\r\n",
)


@pytest.mark.parametrize("value", EXACT, ids=ascii)
def test_a_value_comes_back_as_it_was_sent(team: Team, api: Api, value: str) -> None:
    path = f"{BASE}/variables/A"
    assert api.post(f"{BASE}/variables", {"name": "A", "value": value}).status_code == 201
    assert api.get(path).json()["value"] == value
    assert change(api, "PATCH", path, {"value": value + value}).status_code == 200
    assert api.get(path).json()["value"] == value + value
    printed = io.StringIO()
    call_command(
        "secrets", "get", "env/A", "--in", f"{team.organization.slug}/shop/production", stdout=printed
    )
    assert json.loads(printed.getvalue()) == value + value


@pytest.mark.parametrize("value", [value for value in EXACT if "\n" not in value], ids=ascii)
def test_an_imported_value_is_what_the_file_holds(team: Team, api: Api, value: str) -> None:
    text = f"\ufeffA=1\r\nB='{value}'\r\nC=3\n"
    assert api.post(f"{BASE}/import", {"dotenv": text}).json() == {"created": 3, "updated": 0, "skipped": 0}
    assert [api.get(f"{BASE}/variables/{name}").json()["value"] for name in "ABC"] == ["1", value, "3"]


@pytest.mark.parametrize("value", ["字" * 32_768, "\x01" * 32_768, "\U0001fae9" * 16_384, "x" * 32_769])
def test_a_value_that_is_too_large_names_its_field_and_its_variable(team: Team, api: Api, value: str) -> None:
    api.post(f"{BASE}/variables", {"name": "A", "value": "old"})
    answers = [
        (api.post(f"{BASE}/variables", {"name": "B", "value": value}), "/value"),
        (change(api, "PATCH", f"{BASE}/variables/A", {"value": value}), "/value"),
        (api.post(f"{BASE}/import", {"dotenv": f"C=1\nBIG='{value}'\nD=2"}), "/dotenv"),
    ]
    for answer, pointer in answers:
        assert answer.status_code == 400
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
        assert value not in answer.content.decode()
    assert answers[-1][0].json()["errors"][0]["message"].startswith("BIG: the value ")
    assert [row["name"] for row in api.get(f"{BASE}/variables").json()["results"]] == ["A"]


def test_a_value_that_is_no_text_is_refused(team: Team, api: Api) -> None:
    values: tuple[object, ...] = (5, True, None, [], "a\0b")
    for value in values:
        assert api.post(f"{BASE}/variables", {"name": "A", "value": value}).status_code == 400
