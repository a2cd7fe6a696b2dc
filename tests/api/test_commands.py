"""Commands with an Idempotency-Key: once, and always the same bytes."""

from datetime import timedelta
from typing import Any

import pytest

from holo.audit.models import AuditEvent
from holo.idempotency import commands
from holo.idempotency.models import IdempotencyLog
from holo.idempotency.tasks import purge_expired_keys
from holo.identity.models import Organization
from tests.api.people import Api, build_key, build_person, code_of
from tests.builders import build_organization
from tests.planting import plant

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.api.sample_urls")]
NOTES = "/api/v1/notes"


def notes() -> int:
    """Count what took effect."""
    return AuditEvent.objects.filter(subject_type="sample").count()


def test_command_without_a_key_happens_each_time(operator: Api) -> None:
    first, second = (operator.post(NOTES, {"name": "a"}) for _ in range(2))
    assert (first.status_code, second.status_code, notes()) == (201, 201, 2)
    assert not IdempotencyLog.objects.exists()


def test_repeated_command_answers_byte_for_byte(operator: Api) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = operator.post(NOTES, {"name": "a", "amount": 2}, headers=headers)
    again = operator.post(NOTES, raw=b'{ "amount": 2, "name": "a" }', headers=headers)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content == bytes(IdempotencyLog.objects.get().body or b"")
    assert first["Location"] == again["Location"]
    assert ("Idempotent-Replayed" in first, again["Idempotent-Replayed"]) == (False, "true")
    assert notes() == 1


def test_same_key_with_another_body_is_refused(operator: Api) -> None:
    headers = {"Idempotency-Key": "k-1"}
    operator.post(NOTES, {"name": "a"}, headers=headers)
    response = operator.post(NOTES, {"name": "b"}, headers=headers)
    assert (response.status_code, code_of(response)) == (422, "request.idempotency_key_reused")
    assert notes() == 1


def test_refusal_is_stored_and_repeated(operator: Api) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = operator.post(NOTES, {"name": "refuse"}, headers=headers)
    again = operator.post(NOTES, {"name": "refuse"}, headers=headers)
    assert (first.status_code, code_of(first)) == (409, "sample.refused")
    assert first.content == again.content
    assert again["Idempotent-Replayed"] == "true"
    assert again["Content-Type"] == "application/problem+json"
    assert first.json()["details"] == {"name": "refuse"}
    assert notes() == 0


def test_passing_trouble_is_not_stored(operator: Api) -> None:
    headers = {"Idempotency-Key": "k-1"}
    for _ in range(2):
        response = operator.post(NOTES, {"name": "busy"}, headers=headers)
        assert (response.status_code, code_of(response)) == (503, "request.busy")
        assert response["Retry-After"] == "1"
        assert "Idempotent-Replayed" not in response
    assert (notes(), IdempotencyLog.objects.count()) == (0, 0)


def test_validation_error_leaves_the_key_free(operator: Api) -> None:
    headers = {"Idempotency-Key": "k-1"}
    assert operator.post(NOTES, {"name": "a", "amount": 0}, headers=headers).status_code == 400
    assert operator.post(NOTES, {"name": "a", "amount": 1}, headers=headers).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "a,b", "käse", "a\x7f", "a\tb"])
def test_odd_key_is_refused(operator: Api, key: str) -> None:
    response = operator.post(NOTES, {"name": "a"}, headers={"Idempotency-Key": key})
    assert (response.status_code, code_of(response)) == (400, "request.idempotency_key_invalid")
    assert notes() == 0


def test_longest_key_is_accepted(operator: Api) -> None:
    assert operator.post(NOTES, {"name": "a"}, headers={"Idempotency-Key": "x" * 255}).status_code == 201


def test_key_belongs_to_caller_and_address(operator: Api, organization: Organization) -> None:
    headers = {"Idempotency-Key": "k-1"}
    other = build_organization()
    person = build_person(organization=other, groups=["operator"])
    stranger = Api(build_key(owner=person, organization=other, scopes=["orders:write"]))
    thing = "01890a5d-ac96-774b-bcce-b302099a8057"
    for api, path in ((operator, NOTES), (stranger, NOTES), (operator, f"{NOTES}/{thing}")):
        response = api.post(path, {"name": "a"}, headers=headers)
        assert response.status_code == 201
        assert "Idempotent-Replayed" not in response
    assert notes() == 3


def test_expired_keys_are_purged_and_steps_stay(operator: Api) -> None:
    operator.post(NOTES, {"name": "a"}, headers={"Idempotency-Key": "k-1"})
    IdempotencyLog.objects.create(scope="step", key="s")
    plant(IdempotencyLog.objects.filter(key="k-1"), expires_at="2020-01-01T00:00:00Z")
    assert purge_expired_keys() == 1
    assert list(IdempotencyLog.objects.values_list("key", flat=True)) == ["s"]


def test_key_that_is_purged_while_it_is_looked_for_is_free(
    operator: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.post(NOTES, {"name": "a"}, headers={"Idempotency-Key": "k-1"})
    plant(IdempotencyLog.objects.filter(key="k-1"), expires_at="2020-01-01T00:00:00Z")
    insert = commands._insert_first

    def insert_and_purge(*arguments: Any, **options: Any) -> int | None:
        row_id = insert(*arguments, **options)
        if row_id is None:
            purge_expired_keys()
        return row_id

    monkeypatch.setattr(commands, "_insert_first", insert_and_purge)
    again = operator.post(NOTES, {"name": "a"}, headers={"Idempotency-Key": "k-1"})
    assert (again.status_code, "Idempotent-Replayed" in again, notes()) == (201, False, 2)


def test_key_lives_for_a_day(operator: Api) -> None:
    operator.post(NOTES, {"name": "a"}, headers={"Idempotency-Key": "k-1"})
    row = IdempotencyLog.objects.get()
    assert row.expires_at is not None
    assert row.expires_at - row.created_at >= timedelta(hours=24)
