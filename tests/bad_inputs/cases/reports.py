"""Reports that no browser sends to `/csp-reports`; `tests/security/test_csp_reports.py` sends them."""

from tests.bad_inputs.cases.rows import Report

ONE, SEVERAL = "application/csp-report", "application/reports+json"
_SYNTAX, _VALUE = "request.json_syntax", "request.invalid_value"


def _row(case: str, what: str, media_type: str, body: bytes, code: str, status: int = 400) -> Report:
    return Report(id=case, what=what, media_type=media_type, body=body, code=code, status=status)


REPORTS = (
    _row("A49", "nothing", ONE, b"", _SYNTAX),
    _row("A49", "half a report", ONE, b'{"csp-report": {', _SYNTAX),
    _row("A49", "several with half of one", SEVERAL, b'[{"type": "csp-violation"', _SYNTAX),
    _row("A49", "no UTF-8", ONE, b'{"csp-report": {"blocked-uri": "\xff"}}', _SYNTAX),
    _row("A49", "a list in place of one", ONE, b"[]", _VALUE),
    _row("A49", "null", ONE, b"null", _VALUE),
    _row("A49", "one in place of several", SEVERAL, b'{"csp-report": {}}', _VALUE),
    _row("A49", "no report in it", ONE, b'{"other": {}}', _VALUE),
    _row("A49", "a text for a report", ONE, b'{"csp-report": "x"}', _VALUE),
    _row("A49", "a number for an address", ONE, b'{"csp-report": {"blocked-uri": 7}}', _VALUE),
    _row("A49", "null among several", SEVERAL, b"[null]", _VALUE),
    _row("A49", "a report without a body", SEVERAL, b'[{"type": "csp-violation"}]', _VALUE),
    _row(
        "A49",
        "a list for a directive",
        SEVERAL,
        b'[{"type": "csp-violation", "body": \
{"effectiveDirective": []}}]',
        _VALUE,
    ),
    _row(
        "A49", "a good report and a bad one", SEVERAL, b'[{"type": "csp-violation", "body": {}}, 7]', _VALUE
    ),
    _row("A49", "deep nesting", SEVERAL, b"[" * 5000, "request.json_too_deep"),
    _row("A49", "a name twice", ONE, b'{"csp-report": {}, "csp-report": {}}', "request.duplicate_key"),
    _row("A49", "NUL", ONE, b'{"csp-report": {"blocked-uri": "\\u0000"}}', "request.nul_not_allowed"),
    _row("A49", "a huge one", ONE, b" " * 40_000, "request.body_too_large", 413),
    _row("A49", "plain JSON", "application/json", b"{}", _VALUE),
    _row("A49", "no media type", "", b"{}", _VALUE),
)
