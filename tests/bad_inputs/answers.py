"""What every refusal must be like: a problem document, no fault, no traceback, no echo."""

import json
import logging
from typing import Any

import pytest

from tests.bad_inputs.cases.rows import Row

_MUST = {"type", "title", "status", "code", "detail", "instance", "request_id"}
_MAY = {"errors", "details"}


def check_problem(
    answer: Any, row: Row, *, status: int, pointer: str | None, log: pytest.LogCaptureFixture
) -> dict[str, Any]:
    """Hold an answer against its row of the table; return the document."""
    told = answer.content[:600]
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), told
    body: dict[str, Any] = json.loads(answer.content)
    assert body["code"] == row.code, told
    assert set(body) >= _MUST, told
    assert set(body) <= _MUST | _MAY, told
    assert body["status"] == status
    assert body["type"] == f"/api/errors#{row.code}"
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == answer["X-Request-ID"]
    found = [problem["pointer"] for problem in body.get("errors", ())]
    if pointer != "*":
        assert found == ([] if pointer is None else [pointer]), told
    assert all(set(problem) == {"pointer", "code", "message"} for problem in body.get("errors", ()))
    # However much was sent, little of it comes back.
    assert len(answer.content) < 4000
    check_quiet(log)
    return body


def check_quiet(log: pytest.LogCaptureFixture) -> None:
    """Refuse faults and tracebacks in the log."""
    loud = [
        record
        for record in log.records
        # Django notes refused lookups and the like as errors; the console shows them in one line.
        if not record.name.startswith("django.security")
        if record.exc_info or record.levelno >= logging.ERROR or "Traceback" in record.getMessage()
    ]
    assert not loud, [record.getMessage() for record in loud]
