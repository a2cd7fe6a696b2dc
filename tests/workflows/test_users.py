"""Users created, updated and deleted by the process, on the real Temporal server."""

import base64
import re
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from smtplib import SMTPRecipientsRefused
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone
from temporalio.client import Client

from holo.audit.models import AuditEvent
from holo.common.errors import DomainError
from holo.common.ids import uuid7
from holo.deliveries.models import Delivery
from holo.identity import services
from holo.identity.models import Membership, User, UserChange
from holo.identity.roles import Role
from holo.identity.services import request_user_change
from tests.api.people import PASSWORD, Api, build_key
from tests.identity.people import Team, add_member, build_team
from tests.live import Live, eventually
from tests.post import send_due, send_mail
from tests.racing import race
from workflows.runtime import client
from workflows.runtime.reconcile import reconcile
from workflows.users.api import views
from workflows.users.reconcile import DRIFTS, TASK_QUEUE, input_of
from workflows.users.workflow import UserWorkflow

PATIENCE = 60.0
Action, State, Notice = UserChange.Action, UserChange.State, UserChange.Notice


@pytest.fixture
def team(live: Live, monkeypatch: pytest.MonkeyPatch) -> Team:
    monkeypatch.setattr(views, "_BEGINNING", 0.5)
    return build_team()


def ask(
    team: Team, action: UserChange.Action, reference: str, *, email: str = "", name: str = ""
) -> UserChange:
    return request_user_change(
        actor=team.actor(Role.OWNER), reference=reference, action=action, email=email, name=name
    )


def an_email() -> str:
    return f"{uuid7().hex}@example.com"


def create(team: Team, reference: str = "user-123", email: str = "", name: str = "Wang Fang") -> UserChange:
    return ask(team, Action.CREATE, reference, email=email or an_email(), name=name)


def ended(change: UserChange) -> UserChange:
    """Wait for the end of the change and of its run; send the mail about it."""

    def over() -> bool:
        change.refresh_from_db()
        return change.state != State.RUNNING

    eventually(over, within=PATIENCE, what=f"the end of {change.workflow_id}")
    client.workflow_result(workflow_id=change.workflow_id, result_type=dict, timeout=timedelta(seconds=30))
    send_mail()
    change.refresh_from_db()
    return change


def member(team: Team, reference: str) -> Membership | None:
    return (
        Membership.objects.filter(organization=team.organization, reference=reference)
        .select_related("user")
        .first()
    )


def actions(change: UserChange) -> list[str]:
    rows = AuditEvent.objects.filter(subject_id=str(change.pk)).order_by("id")
    return [row.action.removeprefix("identity.user_") for row in rows]


def test_created_user_is_a_member_and_is_told(team: Team) -> None:
    change = ended(create(team))
    found = member(team, "user-123")
    assert found is not None
    assert (found.user.email, found.user.name, found.role) == (change.email, "Wang Fang", "member")
    assert not found.user.has_usable_password()
    assert (change.state, change.code, change.notice) == (State.SUCCEEDED, "", Notice.SENT)
    assert change.run_id
    assert [message.subject for message in mail.outbox if message.to == [change.email]] == [
        f"You have a user at {team.organization.name}"
    ]
    assert actions(change) == ["change_requested", "created"]


def test_updated_user_has_the_new_data(team: Team) -> None:
    ended(create(team))
    email = an_email()
    change = ended(ask(team, Action.UPDATE, "user-123", email=email, name="Wang Fangfang"))
    found = member(team, "user-123")
    assert found is not None
    assert (found.user.email, found.user.name) == (email, "Wang Fangfang")
    assert (change.state, change.notice) == (State.SUCCEEDED, Notice.SENT)


def test_deleted_user_is_called_nothing_and_logs_in_no_more(team: Team) -> None:
    created = ended(create(team))
    assert created.user_id is not None
    cancelled = ended(start_row(team, action=Action.UPDATE, cancel_requested_at=timezone.now()))
    assert (cancelled.state, cancelled.email, cancelled.name) == (State.CANCELLED, "", "")
    Delivery.objects.create(
        organization_id=team.organization.pk,
        kind="identity.member_invited",
        source=uuid7().hex,
        address=created.email.upper(),
        state=Delivery.State.REFUSED,
        available_at=timezone.now(),
        ended_at=timezone.now(),
    )
    change = ended(ask(team, Action.DELETE, "user-123"))
    person = User.objects.get(pk=created.user_id)
    assert (person.is_active, person.name, person.email) == (
        False,
        "",
        f"deleted-{person.pk.hex}@deleted.invalid",
    )
    assert member(team, "user-123") is None
    assert (change.state, change.notice, change.email) == (State.SUCCEEDED, Notice.SENT, "")
    assert set(Delivery.objects.values_list("address", flat=True)) == {""}
    told, address = created, created.email
    told.refresh_from_db()
    assert (told.email, told.name) == ("", "")
    assert mail.outbox[-1].to == [address]
    assert actions(change) == ["change_requested", "deleted"]
    # The reference is free again, the address too.
    assert ended(create(team, email=address)).state == State.SUCCEEDED


def test_who_belongs_elsewhere_only_leaves(team: Team) -> None:
    person = ended(create(team)).user
    assert person is not None
    elsewhere = build_team().organization
    Membership.objects.create(organization=elsewhere, user=person)
    ended(ask(team, Action.DELETE, "user-123"))
    person.refresh_from_db()
    assert person.is_active
    assert person.name == "Wang Fang"
    assert list(person.memberships.values_list("organization", flat=True)) == [elsewhere.pk]


def test_no_personal_data_enters_a_history(team: Team) -> None:
    change = ended(create(team, reference="customer-4711", name="Ouyang Xiu"))
    history = client.fetch_history(workflow_id=change.workflow_id)
    assert str(change.pk) in _decoded(history)
    for secret in (change.email, "Ouyang Xiu", "customer-4711"):
        assert secret not in _decoded(history)


def _decoded(history: str) -> str:
    found = re.findall(r'"data": ?"([A-Za-z0-9+/=]+)"', history)
    return history + "".join(base64.b64decode(part).decode(errors="replace") for part in found)


@pytest.fixture
def refused_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail server that knows nobody, and names whom it does not know."""

    def refuse(self: EmailBackend, messages: list[Any]) -> int:
        raise SMTPRecipientsRefused({to: (550, b"unknown") for message in messages for to in message.to})

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)


@pytest.mark.usefixtures("refused_mail")
def test_user_stands_although_the_mail_fails(team: Team) -> None:
    change = ended(create(team))
    assert (change.state, change.notice) == (State.SUCCEEDED, Notice.FAILED)
    assert member(team, "user-123") is not None
    assert Delivery.objects.get(data__change_id=str(change.pk)).state == Delivery.State.REFUSED


def test_mail_server_that_is_away_leaves_the_notice_open(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(self: EmailBackend, messages: list[Any]) -> int:
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailBackend, "send_messages", away)
    change = ended(create(team))
    assert (change.state, change.notice) == (State.SUCCEEDED, Notice.NONE)
    monkeypatch.undo()
    Delivery.objects.update(available_at=timezone.now() - timedelta(seconds=1))
    send_due()
    change.refresh_from_db()
    assert change.notice == Notice.SENT


def test_notice_is_in_the_persons_language_and_holds_no_address(team: Team) -> None:
    person = ended(create(team)).user
    assert person is not None
    User.objects.filter(pk=person.pk).update(language="zh-hans")
    ended(ask(team, Action.UPDATE, "user-123", email=an_email(), name="Wang Fangfang"))
    assert "已更改" in mail.outbox[-1].subject
    assert set(Delivery.objects.values_list("address", flat=True)) == {""}


def _owner(statement: str) -> None:
    with psycopg.connect(settings.MIGRATE_DATABASE_URL, autocommit=True) as own:
        own.execute(statement.encode())


@pytest.fixture
def no_success() -> Iterator[None]:
    """A database that lets no change succeed."""
    _owner(
        "CREATE FUNCTION no_success() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'no success today'; END $$;"
        "CREATE TRIGGER no_success BEFORE UPDATE ON identity_userchange FOR EACH ROW"
        " WHEN (OLD.state <> 'succeeded' AND NEW.state = 'succeeded') EXECUTE FUNCTION no_success();"
    )
    yield
    _owner("DROP TRIGGER no_success ON identity_userchange; DROP FUNCTION no_success();")


@pytest.mark.usefixtures("no_success")
def test_create_undoes_itself_when_the_next_step_fails(team: Team) -> None:
    people = User.objects.count()
    change = ended(create(team))
    assert (change.state, change.code, change.user_id) == (
        State.FAILED,
        "request.unavailable",
        None,
    )
    assert User.objects.count() == people
    assert member(team, "user-123") is None
    assert actions(change) == ["change_requested", "created", "discarded"]
    assert not [message for message in mail.outbox if message.to == [change.email]]


def start_row(team: Team, **fields: Any) -> UserChange:
    """Start the process of a row that no command has looked at."""
    columns = {
        "action": Action.CREATE,
        "email": an_email(),
        "name": "Li Na",
        "requested_by": team.people[Role.OWNER],
        **fields,
    }
    change = UserChange.objects.create(organization=team.organization, reference="user-123", **columns)
    client.start_workflow(
        workflow=UserWorkflow,
        workflow_id=change.workflow_id,
        task_queue=TASK_QUEUE,
        input=input_of(change.pk, change.action),
    )
    return change


def test_address_taken_meanwhile_ends_with_its_code(team: Team) -> None:
    other = add_member(team.organization, Role.MEMBER)
    change = ended(start_row(team, email=other.email.upper()))
    assert (change.state, change.code) == (State.FAILED, "identity.email_taken")
    assert member(team, "user-123") is None


def test_requester_who_manages_no_more_has_asked_for_nothing(team: Team) -> None:
    change = ended(start_row(team, requested_by=team.people[Role.MEMBER]))
    assert (change.state, change.code) == (State.FAILED, "identity.role_required")
    assert member(team, "user-123") is None


def test_cancel_before_the_write_leaves_nothing(team: Team) -> None:
    people = User.objects.count()
    change = ended(start_row(team, cancel_requested_at=timezone.now()))
    assert (change.state, change.code) == (State.CANCELLED, "")
    assert User.objects.count() == people


@pytest.fixture
def cancelled_after_the_write() -> Iterator[None]:
    """A cancel that commits together with the person."""
    _owner(
        "CREATE FUNCTION cancel_then() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " NEW.cancel_requested_at = now(); RETURN NEW; END $$;"
        "CREATE TRIGGER cancel_then BEFORE UPDATE ON identity_userchange FOR EACH ROW"
        " WHEN (OLD.user_id IS NULL AND NEW.user_id IS NOT NULL) EXECUTE FUNCTION cancel_then();"
    )
    yield
    _owner("DROP TRIGGER cancel_then ON identity_userchange; DROP FUNCTION cancel_then();")


@pytest.mark.usefixtures("cancelled_after_the_write")
def test_cancel_after_the_write_takes_it_back(team: Team) -> None:
    people = User.objects.count()
    change = ended(create(team))
    assert (change.state, change.code, change.user_id) == (State.CANCELLED, "", None)
    assert User.objects.count() == people
    assert actions(change) == ["change_requested", "created", "discarded"]


def test_signal_alone_cancels_too(team: Team) -> None:
    """Sent with the start, so it is there before the first step."""
    change = UserChange.objects.create(
        organization=team.organization,
        reference="user-123",
        action=Action.CREATE,
        email=an_email(),
        name="Li Na",
        requested_by=team.people[Role.OWNER],
    )

    async def start(connected: Client) -> None:
        await connected.start_workflow(
            UserWorkflow.run,
            input_of(change.pk, change.action),
            id=change.workflow_id,
            task_queue=TASK_QUEUE,
            start_signal="cancel",
        )

    client.call(start)
    assert ended(change).state == State.CANCELLED
    assert member(team, "user-123") is None


def test_change_whose_run_is_lost_is_started_again(team: Team) -> None:
    change = create(team)
    ended(change)
    # As if Temporal had lost its store before the run began.
    stuck = UserChange.objects.create(
        organization=team.organization,
        reference="lost",
        action=Action.CREATE,
        email=an_email(),
        name="Li Na",
        requested_by=team.people[Role.OWNER],
    )
    found = reconcile(DRIFTS, apply=True, grace=timedelta(0))
    assert [(one.key, one.state) for one in found.findings] == [(stuck.workflow_id, "mended")]
    assert ended(stuck).state == State.SUCCEEDED
    assert reconcile(DRIFTS, apply=True, grace=timedelta(0)).findings == []


def test_undone_create_leaves_what_others_have_made_of_the_person(team: Team) -> None:
    change = UserChange.objects.create(
        organization=team.organization,
        reference="user-9",
        action=Action.CREATE,
        email=an_email(),
        name="Li Na",
        requested_by=team.people[Role.OWNER],
    )
    assert services.create_user(change_id=change.pk)
    change.refresh_from_db()
    person = change.user
    assert person is not None
    other = Membership.objects.create(organization=build_team().organization, user=person)
    services.discard_user(change_id=change.pk)
    services.close_user_change(change_id=change.pk, code="")
    person.refresh_from_db()
    assert (person.is_active, person.name) == (True, "Li Na")
    assert list(person.memberships.all()) == [other]


# --- The API -------------------------------------------------------------------------------------

_ADDRESS = "/api/v1/workflows/user"


@pytest.fixture
def api(team: Team) -> Api:
    scopes = ["users:read", "users:write"]
    return Api(build_key(owner=team.people[Role.ADMIN], organization=team.organization, scopes=scopes))


def wanted(**fields: str) -> dict[str, str]:
    return {"user_id": "user-123", "action": "create", "email": an_email(), "name": "Wang Fang", **fields}


def test_request_is_answered_with_its_run_and_then_its_result(api: Api) -> None:
    accepted = api.post(_ADDRESS, wanted())
    assert accepted.status_code == 202
    workflow_id, run_id = accepted.json()["workflow_id"], accepted.json()["run_id"]
    assert workflow_id.startswith("user-create-")
    found = api.get(f"{_ADDRESS}/{workflow_id}/result?wait=30").json()
    assert found["result"] == {
        "user_id": "user-123",
        "success": True,
        "code": None,
        "message": "user created",
        "timestamp": found["result"]["timestamp"],
    }
    described = client.find_workflow(workflow_id=workflow_id)
    assert described is not None
    assert run_id in (None, described.run_id)
    assert found["run_id"] == described.run_id
    # The mail may go out after the result is there.
    again = api.get(f"{_ADDRESS}/{workflow_id}?run_id={described.run_id}").json()
    assert {**again, "notification": found["notification"]} == found
    assert api.get(f"{_ADDRESS}/{workflow_id}?run_id={uuid7()}").status_code == 404
    assert api.get(f"{_ADDRESS}/user-delete-{workflow_id[12:]}").status_code == 404
    listed = api.get(f"{_ADDRESS}?user_id=user-123&status=succeeded").json()["results"]
    assert [one["workflow_id"] for one in listed] == [workflow_id]


def test_same_key_asks_once(api: Api, team: Team) -> None:
    body, headers = wanted(), {"Idempotency-Key": uuid7().hex}
    first = api.post(_ADDRESS, body, headers=headers)
    second = api.post(_ADDRESS, body, headers=headers)
    assert first.json()["workflow_id"] == second.json()["workflow_id"]
    assert second["Idempotent-Replayed"] == "true"
    assert UserChange.objects.filter(organization=team.organization).count() == 1
    assert api.post(_ADDRESS, {**body, "name": "Li Na"}, headers=headers).status_code == 422


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"action": "archive"}, "/action"),
        ({"email": "nobody"}, "/email"),
        ({"name": "W"}, "/name"),
        ({"user_id": ""}, "/user_id"),
    ],
)
def test_wrong_request_names_its_field(api: Api, fields: dict[str, str], pointer: str) -> None:
    refused = api.post(_ADDRESS, wanted(**fields))
    assert refused.status_code == 400
    assert [wrong["pointer"] for wrong in refused.json()["errors"]] == [pointer]


def test_create_without_name_names_what_is_missing(api: Api) -> None:
    refused = api.post(_ADDRESS, {"user_id": "u", "action": "create"})
    assert [wrong["pointer"] for wrong in refused.json()["errors"]] == ["/email", "/name"]


def test_third_who_waits_is_answered_at_once(api: Api, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = UserChange.objects.create(
        organization=team.organization, reference="x", action=Action.CREATE, email=an_email(), name="Li Na"
    )
    full = threading.BoundedSemaphore(1)
    full.acquire()
    monkeypatch.setattr(views, "_waiting", full)
    begun = time.monotonic()
    found = api.get(f"{_ADDRESS}/{stuck.workflow_id}/result?wait=30")
    assert (found.status_code, found.json()["result"]) == (200, None)
    assert time.monotonic() - begun < 10
    full.release()
    assert api.get(f"{_ADDRESS}/{stuck.workflow_id}/result?wait=1").json()["status"] == "running"
    cancelled = api.post(f"{_ADDRESS}/{stuck.workflow_id}/cancel", {})
    assert (cancelled.status_code, cancelled.json()["cancel_requested"]) == (202, True)
    services.close_user_change(change_id=stuck.pk, code="")


def test_third_who_waits_for_a_run_is_answered_at_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a worker that is down, requests of one key would wait in every thread."""
    full = threading.BoundedSemaphore(1)
    full.acquire()
    monkeypatch.setattr(views, "_beginning", full)
    monkeypatch.setattr(views, "_BEGINNING", PATIENCE)
    wanted = {"user_id": "u", "action": "create", "email": an_email(), "name": "Li Na"}
    begun = time.monotonic()
    assert api.post(_ADDRESS, wanted).status_code == 202
    assert time.monotonic() - begun < PATIENCE / 2
    full.release()
    wanted |= {"user_id": "u2", "email": an_email()}
    assert api.post(_ADDRESS, wanted).json()["run_id"]


def test_member_asks_for_nothing(team: Team) -> None:
    key = build_key(owner=team.people[Role.MEMBER], organization=team.organization, scopes=["users:write"])
    assert Api(key).post(_ADDRESS, wanted()).status_code == 403
    assert not UserChange.objects.filter(organization=team.organization).exists()


# --- Races -----------------------------------------------------------------------------------------


def test_of_equal_requests_at_once_one_is_taken(team: Team) -> None:
    found = race([lambda: create(team)] * 8)
    taken = [one for one in found if isinstance(one, UserChange)]
    assert len(taken) == 1
    refused = {one.code for one in found if isinstance(one, DomainError)}
    assert refused <= {"identity.user_change_running", "identity.user_exists"}
    ended(taken[0])


def test_of_equal_addresses_at_once_each_organisation_makes_one(team: Team) -> None:
    """None of them learns that others have somebody of this address, or that anybody logs in with it."""
    email = an_email()
    User.objects.create_user(email, PASSWORD)
    rows = [start_row(build_team(), email=email) for _team in range(6)]
    assert {ended(row).state for row in rows} == {"succeeded"}
    assert User.objects.filter(email__iexact=email).count() == 7
    assert User.objects.called(email).count() == 1


def test_an_address_that_is_somebodys_elsewhere_is_answered_like_any_other(api: Api) -> None:
    taken = an_email()
    User.objects.create_user(taken, PASSWORD)
    found = []
    for number, email in enumerate((taken, an_email())):
        made = api.post(_ADDRESS, wanted(user_id=f"u-{number}", email=email))
        page = api.get(f"{_ADDRESS}/{made.json()['workflow_id']}/result?wait=30").json()
        update = wanted(user_id=f"u-{number}", email=email, action="update", name="Li Na")
        changed = api.post(_ADDRESS, update)
        result = api.get(f"{_ADDRESS}/{changed.json()['workflow_id']}/result?wait=30").json()
        found.append([made.status_code, changed.status_code, *said(page), *said(result)])
    assert found[0] == found[1]
    assert found[0][2:] == ["succeeded", None, "user created", "succeeded", None, "user updated"]


def said(page: dict[str, Any]) -> list[object]:
    """Return what a page says of a change, without what differs from change to change."""
    return [page["status"], page["result"]["code"], page["result"]["message"]]


def test_cancel_and_completion_never_both_win(team: Team) -> None:
    for number in range(6):
        change = UserChange.objects.create(
            organization=team.organization,
            reference=f"r-{number}",
            action=Action.CREATE,
            email=an_email(),
            name="Li Na",
            requested_by=team.people[Role.OWNER],
        )
        assert services.create_user(change_id=change.pk)
        stands, cancelled = race(
            [
                lambda pk=change.pk: services.complete_user_change(change_id=pk),  # type: ignore[misc]
                lambda pk=change.pk: services.cancel_user_change(  # type: ignore[misc]
                    actor=team.actor(Role.OWNER), change_id=pk
                ),
            ]
        )
        assert (stands is True) == isinstance(cancelled, DomainError), (stands, cancelled)
        if stands is not True:
            services.discard_user(change_id=change.pk)
            services.close_user_change(change_id=change.pk, code="")
