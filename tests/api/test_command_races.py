"""Equal calls at the same instant: with a key one effect, and one answer for all."""

from collections.abc import Callable

import pytest

from holo.audit.models import AuditEvent
from tests.api.people import Api, build_key, build_person
from tests.builders import build_organization
from tests.racing import race

pytestmark = [pytest.mark.usefixtures("fresh_database"), pytest.mark.urls("tests.api.sample_urls")]
RACERS = 8


def posts(key: str | None) -> list[Callable[[], tuple[int, bytes]]]:
    """Return equal calls of one operator."""
    organization = build_organization()
    person = build_person(organization=organization, groups=["operator"])
    text = build_key(owner=person, organization=organization, scopes=["orders:write"])
    headers = {"Idempotency-Key": key} if key else {}

    def post() -> tuple[int, bytes]:
        response = Api(text).post("/api/v1/notes", {"name": "a"}, headers=headers)
        return response.status_code, response.content

    return [post] * RACERS


def test_without_a_key_every_call_takes_effect() -> None:
    """The positive control: the race is there when the guard is off."""
    race(posts(None))
    assert AuditEvent.objects.filter(subject_type="sample").count() == RACERS


def test_with_one_key_one_call_takes_effect_and_all_get_its_answer() -> None:
    answers = race(posts("k-1"))
    assert AuditEvent.objects.filter(subject_type="sample").count() == 1
    assert len(set(map(str, answers))) == 1
    assert isinstance(answers[0], tuple)
    assert answers[0][0] == 201
