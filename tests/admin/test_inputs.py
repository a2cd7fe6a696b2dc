"""Bad input in the admin: refused with a word on why, and nothing changed."""

from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.urls import reverse

from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from holo.audit.models import AuditEvent
from holo.common import admin_commands
from holo.identity.models import User
from inventory.models import Product
from orders.models import Order
from orders.services import cancel_order
from tests.admin.conftest import ClientOf, place_waiting, request_of
from tests.logins import log_in
from tests.stories import PHONE, Shop, build_person, build_shop

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse

APPROVE = "admin:approvals_approvalrequest_approve_run"
REJECT = "admin:approvals_approvalrequest_reject_run"
INBOX = "admin:approvals_approvalrequest_changelist"
REASON = "confirmed with the customer by phone"


def _item(request: ApprovalRequest) -> str:
    return f"{request.pk}:{request.subject_digest}"


def _post(
    client: Client, *requests: ApprovalRequest, url: str = APPROVE, reason: str = REASON
) -> "_MonkeyPatchedWSGIResponse":
    data = {"item": [_item(request) for request in requests], "reason": reason}
    return client.post(reverse(url), data, follow=True)


def _text(answer: "_MonkeyPatchedWSGIResponse") -> str:
    return answer.content.decode()


@pytest.fixture
def auditor(shop: Shop, client_of: ClientOf) -> Client:
    """The client of an auditor."""
    return client_of(shop.auditor)


@pytest.fixture
def request_(waiting: Order) -> ApprovalRequest:
    """The request of the waiting order."""
    return request_of(waiting)


@pytest.mark.parametrize("reason", ["", "   ", "too short", " " * 40, "nul \x00 in the middle"])
def test_a_decision_without_a_real_reason_is_a_field_error(
    reason: str, auditor: Client, request_: ApprovalRequest
) -> None:
    answer = _post(auditor, request_, reason=reason)
    assert answer.status_code == 200
    assert "errorlist" in _text(answer)
    assert _item(request_) in _text(answer)
    request_.refresh_from_db()
    assert request_.state == "open"
    assert not ApprovalDecision.objects.exists()


def test_a_decision_with_a_reason_is_recorded_with_person_and_digest(
    auditor: Client, request_: ApprovalRequest, shop: Shop
) -> None:
    answer = _post(auditor, request_)
    assert "Approved." in _text(answer)
    decision = ApprovalDecision.objects.get()
    assert (decision.actor_id, decision.reason) == (shop.auditor.pk, REASON)
    assert decision.digest_seen == request_.subject_digest
    request_.refresh_from_db()
    assert request_.state == "approved"


def test_ones_own_order_has_no_buttons_and_is_refused(shop: Shop, client_of: ClientOf) -> None:
    shop.auditor.groups.add(*shop.seller.groups.all())
    shop.seller.groups.add(*shop.auditor.groups.all())
    request = request_of(place_waiting(shop))
    client = client_of(shop.seller)
    for url in (reverse(INBOX), reverse("admin:approvals_approvalrequest_change", args=[request.pk])):
        page = _text(client.get(url))
        assert "A second person must decide" in page
        assert reverse("admin:approvals_approvalrequest_approve", args=[request.pk]) not in page
    assert "A second person must decide" in _text(_post(client, request))
    assert not ApprovalDecision.objects.exists()


def test_a_superuser_outside_the_group_cannot_decide(
    people: dict[str, User], client_of: ClientOf, request_: ApprovalRequest
) -> None:
    client = client_of(people["superuser"])
    assert _post(client, request_).status_code == 403
    page = _text(client.get(reverse("admin:approvals_approvalrequest_change", args=[request_.pk])))
    assert "Only members of the group" in page
    assert not ApprovalDecision.objects.exists()


def test_a_request_that_was_decided_is_refused_with_who_and_when(
    auditor: Client, request_: ApprovalRequest, shop: Shop, client_of: ClientOf
) -> None:
    _post(auditor, request_)
    second = build_person(shop.organization, "second", auditor=True, is_staff=True)
    answer = _text(_post(client_of(second), request_, url=REJECT))
    assert f"Already approved by {shop.auditor.email}" in answer
    assert ApprovalDecision.objects.count() == 1


def test_a_stale_page_is_told_to_review_again(auditor: Client, request_: ApprovalRequest) -> None:
    data = {"item": f"{request_.pk}:{'0' * 64}", "reason": REASON}
    answer = auditor.post(reverse(APPROVE), data, follow=True)
    assert "review it again" in _text(answer)
    for missing in (f"{request_.pk}:", str(request_.pk)):
        auditor.post(reverse(APPROVE), {"item": missing, "reason": REASON})
    request_.refresh_from_db()
    assert request_.state == "open"


def test_a_request_past_its_deadline_or_withdrawn_is_refused(
    auditor: Client, shop: Shop, waiting: Order, request_: ApprovalRequest
) -> None:
    late = shop.place("MacPro", approval_deadline_seconds=0)
    assert "The deadline has passed" in _text(_post(auditor, request_of(late)))
    cancel_order(actor=shop.seller_actor, order_id=waiting.pk)
    assert "cancelled meanwhile" in _text(_post(auditor, request_))
    assert not ApprovalDecision.objects.exists()


def test_a_double_click_has_one_effect_and_says_so(auditor: Client, request_: ApprovalRequest) -> None:
    _post(auditor, request_)
    answer = _post(auditor, request_)
    assert "it counts once" in _text(answer)
    assert ApprovalDecision.objects.count() == 1


def test_a_bulk_decision_tells_the_outcome_of_each(auditor: Client, shop: Shop) -> None:
    requests = [request_of(place_waiting(shop)) for _ in range(3)]
    decide(
        actor=shop.auditor_actor,
        request_id=requests[1].pk,
        verdict=ApprovalDecision.Verdict.REJECT,
        reason="the credit line is exhausted",
    )
    answer = _post(auditor, *requests)
    outcomes = [(outcome.applied, outcome.code) for outcome in answer.context["outcomes"]]
    assert outcomes == [(True, ""), (False, "approvals.already_decided"), (True, "")]
    assert [request_of(Order.objects.get(pk=r.subject_id)).state for r in requests] == [
        "approved",
        "rejected",
        "approved",
    ]


def test_a_list_with_a_foreign_row_is_refused_whole_and_audited(
    auditor: Client, request_: ApprovalRequest
) -> None:
    foreign = request_of(place_waiting(build_shop()))
    assert _post(auditor, request_, foreign).status_code == 403
    selected = {"action": "approve", "index": 0, "_selected_action": [request_.pk, foreign.pk]}
    assert auditor.post(reverse(INBOX), selected).status_code == 403
    for nonsense in ("1 OR 1=1", "\x00", "0" * 5000):
        assert auditor.post(reverse(APPROVE), {"item": nonsense, "reason": REASON}).status_code == 403
        crafted = {"action": "approve", "index": 0, "_selected_action": nonsense}
        assert auditor.post(reverse(INBOX), crafted).status_code == 403
    assert set(ApprovalRequest.objects.values_list("state", flat=True)) == {"open"}
    assert AuditEvent.objects.filter(action__endswith="_refused").count() == 8


@pytest.mark.parametrize(
    "name",
    [
        "approvals_approvalrequest_approve_run",
        "approvals_approvalrequest_reject_run",
        "orders_order_cancel_run",
        "orders_order_retry_run",
    ],
)
def test_a_get_on_a_command_is_not_allowed(name: str, people: dict[str, User], client_of: ClientOf) -> None:
    people["superuser"].groups.add(*people["auditor"].groups.all())
    answer = client_of(people["superuser"]).get(reverse(f"admin:{name}"))
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert b"nothing was changed" in answer.content


def test_a_post_on_a_commands_page_is_not_allowed(auditor: Client, request_: ApprovalRequest) -> None:
    page = reverse("admin:approvals_approvalrequest_approve", args=[request_.pk])
    assert auditor.post(page, {"reason": REASON}).status_code == 405


def test_a_post_without_token_or_from_elsewhere_is_refused(shop: Shop, request_: ApprovalRequest) -> None:
    client = Client(enforce_csrf_checks=True)
    log_in(client, shop.auditor)
    data = {"item": _item(request_), "reason": REASON}
    bare = client.post(reverse(APPROVE), data)
    assert bare.status_code == 403
    assert "The form has expired" in bare.content.decode()
    page = client.get(reverse("admin:approvals_approvalrequest_approve", args=[request_.pk]))
    token = page.context["csrf_token"]
    foreign = client.post(
        reverse(APPROVE), {**data, "csrfmiddlewaretoken": str(token)}, HTTP_ORIGIN="https://evil.example"
    )
    assert foreign.status_code == 403
    assert not ApprovalDecision.objects.exists()
    assert client.post(reverse(APPROVE), {**data, "csrfmiddlewaretoken": str(token)}).status_code == 302


def test_a_search_text_is_no_pattern_and_finds_nothing(
    people: dict[str, User], client_of: ClientOf, waiting: Order
) -> None:
    """That no text and no filter breaks a list is in `tests/bad_inputs/test_admin.py`."""
    people["superuser"].groups.add(*people["auditor"].groups.all())
    client = client_of(people["superuser"])
    for path in ("orders_order", "approvals_approvalrequest", "orders_orderevent"):
        for text in ("' OR 1=1--", "\x00", "%", "_", "x" * 10_000, "a " * 5_000, "\\", "𝒳"):
            answer = client.get(reverse(f"admin:{path}_changelist"), {"q": text})
            assert answer.status_code == 200, (path, text)
            assert answer.context["cl"].result_count == 0, (path, text)


def test_a_selection_across_pages_is_capped(
    auditor: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_commands, "MAX_ROWS", 2)
    requests = [request_of(place_waiting(shop)) for _ in range(3)]
    data = {"action": "approve", "index": 0, "select_across": 1, "_selected_action": requests[0].pk}
    answer = auditor.post(reverse(INBOX), data, follow=True)
    assert "At most 2 at once" in answer.content.decode()
    assert _post(auditor, *requests).status_code == 403
    monkeypatch.setattr(admin_commands, "MAX_ROWS", 3)
    confirmation = auditor.post(reverse(INBOX), data)
    assert len(confirmation.context["items"]) == 3
    assert set(ApprovalRequest.objects.values_list("state", flat=True)) == {"open"}


def test_markup_in_names_and_reasons_is_escaped(auditor: Client, shop: Shop) -> None:
    markup = "<script>alert('x')</script>"
    Product.objects.filter(sku=PHONE).update(name=markup)
    order = shop.place(PHONE, "MacPro")
    request = request_of(order)
    pages = [
        auditor.get(reverse("admin:approvals_approvalrequest_approve", args=[request.pk])),
        _post(auditor, request, reason=markup),
        auditor.get(reverse("admin:approvals_approvalrequest_change", args=[request.pk])),
        auditor.get(reverse("admin:orders_order_change", args=[order.pk])),
        auditor.get(reverse("admin:approvals_approvaldecision_changelist")),
    ]
    for page in pages:
        assert "<script>alert" not in page.content.decode()
        assert "&lt;script&gt;alert" in page.content.decode()


def test_a_session_ends_with_the_persons_access(
    auditor: Client, shop: Shop, request_: ApprovalRequest
) -> None:
    User.objects.filter(pk=shop.auditor.pk).update(is_active=False)
    answer = auditor.post(reverse(APPROVE), {"item": _item(request_), "reason": REASON})
    assert answer["Location"].startswith(reverse("admin:login"))
    assert not ApprovalDecision.objects.exists()


def test_no_page_has_inline_scripts_or_styles(
    people: dict[str, User], client_of: ClientOf, waiting: Order, parked: Order
) -> None:
    people["superuser"].groups.add(*people["auditor"].groups.all())
    client = client_of(people["superuser"])
    request = request_of(waiting)
    urls = [
        reverse("admin:index"),
        reverse(INBOX),
        reverse("admin:orders_order_changelist"),
        reverse("admin:orders_order_change", args=[parked.pk]),
        reverse("admin:orders_order_cancel", args=[waiting.pk]),
        reverse("admin:approvals_approvalrequest_change", args=[request.pk]),
        reverse("admin:approvals_approvalrequest_approve", args=[request.pk]),
    ]
    for url in urls:
        page = client.get(url).content.decode()
        assert "<style" not in page, url
        assert ' style="' not in page, url
        assert " onclick=" not in page, url
