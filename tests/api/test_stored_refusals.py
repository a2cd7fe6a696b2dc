"""Which refusals are kept under an Idempotency-Key: those that neither time nor a correction changes."""

import pytest

from holo.audit.models import AuditEvent
from holo.common.error_catalogue import list_errors
from holo.common.errors import error_table
from holo.idempotency import commands
from holo.idempotency.models import IdempotencyLog
from holo.identity.models import Organization
from tests.api.people import Api, build_key, build_person, code_of
from tests.api.sample_urls import REFUSED

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.api.sample_urls")]
NOTES = "/api/v1/notes"
# Decided, ended, past its deadline, or one's own: whatever the caller does, the request stays refused.
FINAL = {
    "apiauth.authorization_over",
    "approvals.already_decided",
    "approvals.request_expired",
    "approvals.request_withdrawn",
    "approvals.second_person_required",
    "identity.user_change_over",
    "inventory.reservation_ended",
    "orders.not_cancellable",
    "orders.out_of_stock",
    "orders.payment_deadline_passed",
}


def test_table_stores_what_is_final_and_nothing_else() -> None:
    assert {entry.code for entry in list_errors() if entry.stored} == FINAL
    for entry in list_errors():
        if entry.stored:
            assert not entry.retryable, entry
            assert error_table()[entry.code].retry_after is None, entry
            assert entry.status in (403, 409), entry


def test_each_code_of_the_table_is_kept_or_leaves_the_key_free(operator: Api) -> None:
    """The same call twice: what is stored answers it without running the command."""
    odd = []
    operator.client.raise_request_exception = False
    for entry in list_errors():
        REFUSED.clear()
        path = f"/api/v1/refusals/{entry.code}"
        first, again = (operator.post(path, {}, headers={"Idempotency-Key": "k-1"}) for _ in range(2))
        assert code_of(first) == code_of(again) == entry.code
        replayed = again.headers.get("Idempotent-Replayed") == "true"
        kept = IdempotencyLog.objects.filter(key="k-1", scope__contains=entry.code).count()
        if (len(REFUSED), replayed, kept) != ((1, True, 1) if entry.stored else (2, False, 0)):
            odd.append(entry.code)
    assert odd == []
    assert not AuditEvent.objects.filter(subject_type="sample").exists()


@pytest.mark.parametrize("code", ["orders.not_payable", "inventory.unknown_sku", "request.throttled"])
def test_key_of_a_refusal_that_passes_may_carry_another_body(operator: Api, code: str) -> None:
    headers = {"Idempotency-Key": "k-1"}
    for body in ({"corrected": False}, {"corrected": True}):
        response = operator.post(f"/api/v1/refusals/{code}", body, headers=headers)
        assert code_of(response) == code


def test_key_of_a_final_refusal_stands_for_its_body(operator: Api) -> None:
    path, headers = "/api/v1/refusals/orders.not_cancellable", {"Idempotency-Key": "k-1"}
    assert code_of(operator.post(path, {"a": 1}, headers=headers)) == "orders.not_cancellable"
    assert code_of(operator.post(path, {"a": 2}, headers=headers)) == "request.idempotency_key_reused"


@pytest.mark.parametrize(
    ("raw", "content_type", "status"),
    [
        (b'{"name": "a", "amount": 0}', "application/json", 400),
        (b'{"name": "a",', "application/json", 400),
        (b'{"name": "a"}', "text/plain", 415),
    ],
)
def test_bad_request_leaves_the_key_free(operator: Api, raw: bytes, content_type: str, status: int) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = operator.client.post(NOTES, data=raw, content_type=content_type, headers=headers)
    assert first.status_code == status
    assert operator.post(NOTES, {"name": "a"}, headers=headers).status_code == 201


def test_fault_of_ours_leaves_the_key_free(operator: Api) -> None:
    """A 500 is not stored either: nothing was committed."""
    path = "/api/v1/refusals/no.such_code"
    operator.client.raise_request_exception = False
    for _ in range(2):
        assert operator.post(path, {}, headers={"Idempotency-Key": "k-1"}).status_code == 500
    assert not IdempotencyLog.objects.exists()


def test_one_caller_fills_no_table_with_refusals(
    operator: Api, monkeypatch: pytest.MonkeyPatch, organization: Organization
) -> None:
    """What is not kept is judged anew, and comes out the same; another caller has room of their own."""
    monkeypatch.setattr(commands, "MAX_REFUSALS", 3)
    path, replayed = "/api/v1/refusals/orders.not_cancellable", []
    for number in (1, 2, 3, 4, 5, 1, 5):
        answer = operator.post(path, {}, headers={"Idempotency-Key": f"k-{number}"})
        assert code_of(answer) == "orders.not_cancellable"
        replayed.append(answer.headers.get("Idempotent-Replayed") == "true")
    assert replayed == [False, False, False, False, False, True, False]
    assert IdempotencyLog.objects.filter(status=409).count() == 3
    person = build_person(organization=organization, groups=["operator"])
    other = Api(build_key(owner=person, organization=organization, scopes=["orders:write"]))
    other.post(path, {}, headers={"Idempotency-Key": "k-1"})
    assert IdempotencyLog.objects.filter(status=409).count() == 4
    assert operator.post(NOTES, {"name": "a"}, headers={"Idempotency-Key": "k-9"}).status_code == 201


def test_long_refusal_is_not_kept(operator: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "MAX_REFUSAL_BYTES", 10)
    operator.post("/api/v1/refusals/orders.not_cancellable", {}, headers={"Idempotency-Key": "k-1"})
    assert not IdempotencyLog.objects.filter(status=409).exists()
