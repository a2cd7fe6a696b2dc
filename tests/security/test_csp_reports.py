"""What browsers tell of offences against the policy: counted, a line of it logged, and nothing else kept."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from holo import csp_reports
from holo.common import throttles
from holo.common.ids import uuid7
from holo.common.logs import ContextFilter
from holo.common.rates import Rate
from holo.stack.valkey import ValkeyServer
from tests.bad_inputs.answers import check_problem
from tests.bad_inputs.cases.reports import ONE, REPORTS, SEVERAL
from tests.bad_inputs.cases.rows import Report

SECRET = "s3cr3t-of-somebody"


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What the view logs."""
    caplog.handler.addFilter(ContextFilter())
    caplog.set_level("DEBUG")
    return caplog


def send(media_type: str, body: object, **headers: str) -> Any:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    client = Client(enforce_csrf_checks=True, raise_request_exception=False, headers=headers)
    # The client would leave the media type of an empty body out.
    return client.generic("POST", "/csp-reports", sent, CONTENT_TYPE=media_type)


def one(**report: object) -> dict[str, object]:
    return {"csp-report": {name.replace("_", "-"): value for name, value in report.items()}}


def violation(**report: object) -> dict[str, object]:
    return {"type": "csp-violation", "age": 1, "url": "https://x.example/", "body": report}


def counted() -> dict[str, float]:
    return {
        sample.labels["directive"]: sample.value
        for metric in csp_reports._reports.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


def lines(log: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    return [
        {name: vars(record)["context"].get(name, "") for name in ("directive", "blocked", "page")}
        for record in log.records
        if record.name == "holo.security"
    ]


def test_report_is_counted_and_one_line_of_it_logged(told: pytest.LogCaptureFixture) -> None:
    before = counted().get("script-src-elem", 0.0)
    answer = send(
        ONE,
        one(
            effective_directive="script-src-elem",
            blocked_uri=f"https://evil.example:8443/{SECRET}?{SECRET}#{SECRET}",
            document_uri=f"https://user:{SECRET}@holo.example/invitations/{SECRET}?token={SECRET}",
            referrer=f"https://holo.example/{SECRET}",
            script_sample=SECRET,
        ),
    )
    assert (answer.status_code, answer.content) == (204, b"")
    assert counted()["script-src-elem"] == before + 1
    assert lines(told) == [
        {
            "directive": "script-src-elem",
            "blocked": "https://evil.example:8443",
            "page": "invitations/<str:token>",
        }
    ]
    assert all(SECRET not in f"{record.getMessage()} {vars(record)}" for record in told.records)


def test_reports_that_come_together_are_counted_each(told: pytest.LogCaptureFixture) -> None:
    before = counted()
    found = [
        violation(effectiveDirective="img-src", blockedURL="data", documentURL="https://x.example/admin/"),
        {"type": "deprecation", "body": {"id": "x"}},
        violation(effectiveDirective="img-src", blockedURL="inline", documentURL="https://x.example/none"),
        violation(effectiveDirective="invented", blockedURL="file:///etc/passwd", documentURL="//["),
        violation(),
    ]
    assert send(SEVERAL, found).status_code == 204
    grown = {name: value - before.get(name, 0.0) for name, value in counted().items()}
    assert {name: value for name, value in grown.items() if value} == {"img-src": 2, "other": 2}
    assert lines(told) == [
        {"directive": "img-src", "blocked": "data", "page": "admin/"},
        {"directive": "img-src", "blocked": "inline", "page": "unmatched"},
        {"directive": "other", "blocked": "other", "page": "unmatched"},
        {"directive": "other", "blocked": "other", "page": "unmatched"},
    ]


@pytest.mark.parametrize(
    ("blocked", "kept"),
    [
        ("https://user:pass@evil.example/x", "https://evil.example"),
        ("http://[2001:db8::1]:80/x", "http://2001:db8::1:80"),
        ("blob:https://x.example/uuid", "blob"),
        ("javascript:alert(1)", "other"),
        ("https://evil.example:99999/", "other"),
        ("https://evil\n.example/ x", "https://evil.example"),
        ("https://evil example/", "other"),
        (f"https://{'a' * 300}.example/", "other"),
        ("x" * 10_000, "other"),
        ("", "other"),
    ],
)
def test_of_what_was_refused_the_origin_is_kept(
    blocked: str, kept: str, told: pytest.LogCaptureFixture
) -> None:
    assert send(ONE, one(violated_directive="img-src 'self'", blocked_uri=blocked)).status_code == 204
    assert [(line["directive"], line["blocked"]) for line in lines(told)] == [("img-src", kept)]


def test_of_many_reports_at_once_some_are_taken(told: pytest.LogCaptureFixture) -> None:
    assert send(SEVERAL, [violation(effectiveDirective="img-src")] * 200).status_code == 204
    assert len(lines(told)) == csp_reports._MOST


@pytest.mark.parametrize("row", [pytest.param(row, id=row.what.replace(" ", "-")) for row in REPORTS])
def test_bad_report_is_refused(row: Report, told: pytest.LogCaptureFixture) -> None:
    before = counted()
    answer = send(row.media_type, row.body)
    check_problem(answer, row, status=row.status, pointer="*", log=told)
    assert counted() == before
    assert lines(told) == []


def test_other_methods_are_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    assert [client.generic(method, "/csp-reports").status_code for method in ("GET", "PUT")] == [405, 405]


@pytest.fixture
def slow(valkey: ValkeyServer, settings: Settings) -> Iterator[None]:
    """Two calls an hour from one address."""
    throttles.listen_again()
    settings.RATES = {**settings.RATES, "address": Rate(quota=1, seconds=3600, burst=2)}
    settings.PROXY_HOPS = 1
    yield
    throttles.listen_again()


@pytest.mark.usefixtures("slow", "told")
def test_reports_of_one_address_are_limited_apart_from_its_calls() -> None:
    first, other = (f"2001:db8:{uuid7().hex[-4:]}:{number}::1" for number in (1, 2))

    def status(address: str) -> int:
        headers = {"X-Forwarded-For": address}
        return int(send(ONE, one(effective_directive="img-src"), **headers).status_code)

    assert [status(first) for _call in range(3)] == [204, 204, 429]
    assert status(other) == 204
    api = Client(headers={"X-Forwarded-For": first})
    assert api.get("/api/v1/orders").status_code == 401
