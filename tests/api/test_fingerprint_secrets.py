"""The secrets of fingerprints change; a repeated request gets its response, and never another one's."""

from typing import Any

import pytest
from django.conf import LazySettings

from holo.audit.models import AuditEvent
from holo.idempotency.fingerprints import fingerprint_of, is_same
from holo.idempotency.models import IdempotencyLog
from holo.secretstore.keyring import make_entry, parse_keyring
from tests.api.people import Api, code_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.api.sample_urls")]
NOTES = "/api/v1/notes"
OLD, NEW, NEWEST = (make_entry(name) for name in ("k1", "k2", "k3"))


@pytest.fixture
def ring(settings: LazySettings) -> LazySettings:
    """The settings, with one key in the ring."""
    settings.KEYRING = parse_keyring(OLD)
    return settings


def post(api: Api, name: str = "a") -> Any:
    return api.post(NOTES, {"name": name}, headers={"Idempotency-Key": "k-1"})


def is_replay(response: Any) -> bool:
    assert response.status_code == 201, response.content
    return "Idempotent-Replayed" in response


def test_fingerprint_is_found_through_each_step_of_a_rotation(operator: Api, ring: LazySettings) -> None:
    first = post(operator)
    for entries in (f"{NEW},{OLD}", f"{OLD},{NEW}", f"{NEWEST},{NEW},{OLD}", OLD):
        ring.KEYRING = parse_keyring(entries)
        again = post(operator)
        assert (is_replay(again), again.content) == (True, first.content)
        other = post(operator, "b")
        assert (other.status_code, code_of(other)) == (422, "request.idempotency_key_reused")
    assert AuditEvent.objects.filter(subject_type="sample").count() == 1


@pytest.mark.parametrize(
    "later",
    [OLD, NEW, f"{NEWEST},{NEW}", f"{NEWEST},{OLD}"],
    ids=["the old one", "the new one", "a newest and the new one", "a newest and the old one"],
)
def test_one_secret_in_common_is_enough(operator: Api, ring: LazySettings, later: str) -> None:
    """Processes that start one after the other have different rings for a while."""
    ring.KEYRING = parse_keyring(f"{NEW},{OLD}")
    post(operator)
    ring.KEYRING = parse_keyring(later)
    assert is_replay(post(operator))
    assert code_of(post(operator, "b")) == "request.idempotency_key_reused"


@pytest.mark.parametrize("later", [NEW, make_entry("k1"), ""], ids=["another id", "the same id", "no ring"])
def test_lost_secret_is_an_error_that_says_so(operator: Api, ring: LazySettings, later: str) -> None:
    """Never the stored response of what may be another request, and never a second effect."""
    first = post(operator)
    kept = IdempotencyLog.objects.get()
    ring.KEYRING = parse_keyring(later)
    for name in ("a", "b"):
        refused = post(operator, name)
        assert (refused.status_code, code_of(refused)) == (409, "request.idempotency_key_unverifiable")
        assert "Retry-After" not in refused
    assert AuditEvent.objects.filter(subject_type="sample").count() == 1
    assert IdempotencyLog.objects.get().fingerprint == kept.fingerprint
    ring.KEYRING = parse_keyring(OLD)
    assert post(operator).content == first.content


def test_change_of_secret_key_changes_nothing(operator: Api, ring: LazySettings) -> None:
    first = post(operator)
    ring.SECRET_KEY, ring.SECRET_KEY_FALLBACKS = "another" * 10, []
    again = post(operator)
    assert (is_replay(again), again.content) == (True, first.content)
    assert code_of(post(operator, "b")) == "request.idempotency_key_reused"


def test_without_a_ring_secret_keys_stand_in(operator: Api, ring: LazySettings) -> None:
    ring.KEYRING = parse_keyring("")
    before = ring.SECRET_KEY
    post(operator)
    ring.SECRET_KEY, ring.SECRET_KEY_FALLBACKS = "another" * 10, [before]
    assert is_replay(post(operator))
    assert code_of(post(operator, "b")) == "request.idempotency_key_reused"
    ring.SECRET_KEY_FALLBACKS = []
    assert code_of(post(operator)) == "request.idempotency_key_unverifiable"


def test_first_ring_does_not_forget_what_came_before(operator: Api, ring: LazySettings) -> None:
    ring.KEYRING = parse_keyring("")
    post(operator)
    ring.KEYRING = parse_keyring(NEW)
    assert is_replay(post(operator))
    assert code_of(post(operator, "b")) == "request.idempotency_key_reused"


def test_fingerprint_shows_neither_content_nor_secret(ring: LazySettings) -> None:
    ring.KEYRING = parse_keyring(f"{NEW},{OLD}")
    made = fingerprint_of("pin 1234")
    assert "1234" not in made
    assert not any(key.hex() in made for key in ring.KEYRING.keys.values())
    assert made != fingerprint_of("pin 1235")
    assert (is_same(made, "pin 1234"), is_same(made, "pin 1235"), is_same("", "")) == (True, False, None)
