"""Whatever goes wrong is one problem document that tells nothing it should not."""

import re
from typing import Any

import pytest
from django.test import Client, override_settings

from tests.api.people import Api, code_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.api.sample_urls")]
NOTES = "/api/v1/notes"


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("absent", 404, "request.not_found"),
        ("down", 503, "request.unavailable"),
        ("unique", 409, "request.conflict_duplicate"),
        ("check", 409, "request.conflict_constraint"),
        ("lock", 503, "request.busy"),
        ("deadlock", 409, "request.conflict"),
        ("bug", 500, "request.internal_error"),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_fault_becomes_its_problem(operator: Api, kind: str, status: int, code: str, debug: bool) -> None:
    operator.client.raise_request_exception = False
    with override_settings(DEBUG=debug):
        response = operator.get(f"/api/v1/faults/{kind}", headers={"X-Request-ID": "r-1"})
    assert (response.status_code, code_of(response)) == (status, code)
    assert response.json()["request_id"] == response["X-Request-ID"] == "r-1"
    assert response.json()["instance"] == f"/api/v1/faults/{kind}"
    assert response.json()["type"] == f"/api/errors#{code}"
    assert b"secret" not in response.content
    assert b"Traceback" not in response.content
    assert ("Retry-After" in response) == (
        code in {"request.unavailable", "request.busy", "request.conflict"}
    )


def test_unique_index_of_the_database_is_a_conflict(operator: Api) -> None:
    response = operator.get("/api/v1/faults/twice")
    assert (response.status_code, code_of(response)) == (409, "request.conflict_duplicate")


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    "path",
    [
        "/api/nothing",
        "/api/v1/notes/1",
        "/api/v1/notes/10000000000000000000000",
        "/api/v1/notes/..%2fnotes",
        "/api/v1/notes/1%20OR%201=1",
        "/api/v1/notes/%00",
        "/api/v1/notes/{01890a5d-ac96-774b-bcce-b302099a8057}",
    ],
)
def test_absent_address_is_404(operator: Api, path: str, debug: bool) -> None:
    with override_settings(DEBUG=debug):
        response = operator.get(path)
    assert (response.status_code, code_of(response)) == (404, "request.not_found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_other_method_is_405_with_those_allowed(operator: Api, method: str) -> None:
    response = operator.client.generic(method, NOTES)
    assert (response.status_code, code_of(response)) == (405, "request.method_not_allowed")
    assert response["Allow"] == "GET, HEAD, POST"


def test_method_override_is_ignored(operator: Api) -> None:
    headers = {"X-HTTP-Method-Override": "DELETE"}
    assert operator.post(NOTES, {"name": "a"}, headers=headers).status_code == 201


def test_browser_gets_json_as_well(operator: Api) -> None:
    response = operator.get(NOTES, headers={"Accept": "text/html"})
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("kind", ["application/xml", "text/plain", "application/x-www-form-urlencoded", ""])
def test_other_media_type_is_415(operator: Api, kind: str) -> None:
    response = operator.client.post(NOTES, data=b"name=a", content_type=kind)
    assert (response.status_code, code_of(response)) == (415, "request.unsupported_media_type")
    assert response["Accept-Post"] == "application/json"


def test_multipart_is_415(operator: Api) -> None:
    response = operator.client.post(NOTES, data={"name": "a"})
    assert code_of(response) == "request.unsupported_media_type"


def test_compressed_body_is_415(operator: Api) -> None:
    response = operator.post(NOTES, raw=b"x", headers={"Content-Encoding": "gzip"})
    assert code_of(response) == "request.unsupported_media_type"


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "nonsense"])
def test_other_charset_is_refused(operator: Api, charset: str) -> None:
    kind = f"application/json; charset={charset}"
    response = operator.client.generic("POST", NOTES, b"{}", content_type=kind)
    assert code_of(response) == "request.json_syntax"
    assert f"the charset of Content-Type is “{charset}”" in response.json()["detail"]


@pytest.mark.parametrize("encoding", ["identity, identity", "Identity,", " identity ,IDENTITY", ","])
def test_identity_is_no_encoding_however_often_it_is_named(operator: Api, encoding: str) -> None:
    answer = operator.post(NOTES, {"name": "a"}, headers={"Content-Encoding": encoding})
    assert answer.status_code == 201
    answer = operator.post(NOTES, {"name": "a"}, headers={"Content-Encoding": f"{encoding},br"})
    assert answer.json()["details"]["header"] == "Content-Encoding"


def test_charset_utf8_is_accepted(operator: Api) -> None:
    kind = "application/json; charset=UTF-8"
    assert operator.client.post(NOTES, data='{"name": "a"}', content_type=kind).status_code == 201


def test_body_over_the_limit_is_413(operator: Api, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    response = operator.post(NOTES, {"name": "a" * 200})
    assert (response.status_code, code_of(response)) == (413, "request.body_too_large")
    assert response.json()["details"] == {"limit": 100}


def test_body_at_the_limit_passes(operator: Api, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert operator.post(NOTES, raw=b'{"name": "a"}'.ljust(100)).status_code == 201


def test_chunked_body_is_411(operator: Api) -> None:
    response = operator.client.post(NOTES, headers={"Transfer-Encoding": "chunked"}, CONTENT_LENGTH="")
    assert (response.status_code, code_of(response)) == (411, "request.length_required")


def test_empty_body_is_no_object_where_fields_are_required(operator: Api) -> None:
    assert code_of(operator.post(NOTES, raw=b"")) == "request.expected_object"


def test_parameters_of_a_post_are_refused(operator: Api) -> None:
    assert code_of(operator.post(f"{NOTES}?name=a", {"name": "a"})) == "request.unknown_filter"


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("path", [NOTES, "/healthz/live", "/admin/"])
def test_foreign_host_is_400_and_not_echoed(path: str, debug: bool) -> None:
    with override_settings(DEBUG=debug):
        response = Client().get(path, headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert b"evil" not in response.content


def test_message_follows_the_language_and_the_code_does_not(operator: Api) -> None:
    response = operator.get(f"{NOTES}?limit=0", headers={"Accept-Language": "zh-hans"})
    assert code_of(response) == "request.limit_out_of_range"
    assert response["Content-Language"] == "zh-hans"
    assert response.json()["title"] == "`limit` 须为 1 到 200 的整数。"
    assert response.json()["errors"][0]["message"] == "limit 须为 1 到 200 的整数"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("get", NOTES, {"Host": "evil.example"}),
        ("post", NOTES, {"Sec-Fetch-Site": "cross-site"}),
        ("post", "/admin/login/", {"Sec-Fetch-Site": "cross-site"}),
    ],
)
def test_early_refusal_is_in_the_language_of_its_own_request(
    operator: Api, method: str, path: str, headers: dict[str, str]
) -> None:
    for language, words in (("zh-hans", True), ("en", False), ("zh-hans", True)):
        wanted = {**headers, "Accept-Language": language}
        answer = Client().generic(method.upper(), path, headers=wanted)
        assert answer.status_code in (400, 403)
        assert bool(re.search("[\u4e00-\u9fff]", answer.content.decode())) is words, language


def test_private_answers_are_not_cached(operator: Api) -> None:
    assert operator.get(NOTES)["Cache-Control"] == "no-store"
