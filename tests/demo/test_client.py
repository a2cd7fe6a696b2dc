"""The demonstration's HTTP client."""

import socket

import pytest

from orders.demo.client import ApiClient, ApiError, UnreachableError
from tests.demo.scripted_api import Reply, scripted_api

pytestmark = pytest.mark.pure


def test_post_answered_with_retry_after_is_sent_again_with_the_same_key() -> None:
    busy = Reply(status=503, body={"code": "request.busy"}, headers={"Retry-After": "0"})
    with scripted_api({"POST /x": [busy, Reply(status=201, body={"ok": True})]}) as api:
        assert ApiClient(base_url=api.url, key="k").post("/x", {"a": 1}) == {"ok": True}
    keys = [headers["Idempotency-Key"] for _line, headers, _body in api.requests]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert api.requests[0][1]["Authorization"] == "Bearer k"


def test_two_posts_have_two_keys() -> None:
    with scripted_api({"POST /x": [Reply()]}) as api:
        client = ApiClient(base_url=api.url)
        client.post("/x", {})
        client.post("/x", {})
    first, second = (headers["Idempotency-Key"] for _line, headers, _body in api.requests)
    assert first != second


def test_refused_post_is_told_with_status_code_and_detail() -> None:
    refusal = Reply(status=409, body={"code": "orders.not_payable", "detail": "the order is rejected"})
    with (
        scripted_api({"POST /x": [refusal]}) as api,
        pytest.raises(ApiError, match=r"HTTP 409 · orders\.not_payable · the order is rejected") as caught,
    ):
        ApiClient(base_url=api.url).post("/x", {})
    assert caught.value.code == "orders.not_payable"
    assert len(api.requests) == 1


def test_list_of_two_pages_is_read_whole() -> None:
    with scripted_api(
        {
            "GET /rows": [
                Reply(body={"results": [{"n": 1}], "next": "http://elsewhere/rows?cursor=abc"}),
                Reply(body={"results": [{"n": 2}], "next": None}),
            ]
        }
    ) as api:
        assert ApiClient(base_url=api.url).rows("/rows") == [{"n": 1}, {"n": 2}]


def test_nobody_there_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orders.demo.client.RETRY_SECONDS", 0.0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    client = ApiClient(base_url=url)
    assert not client.is_ready()
    with pytest.raises(UnreachableError, match="does not answer"):
        client.get("/x")


def test_key_is_not_in_the_representation() -> None:
    assert "geheim" not in repr(ApiClient(base_url="http://127.0.0.1", key="geheim"))
