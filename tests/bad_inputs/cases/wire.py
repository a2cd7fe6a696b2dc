"""Bytes on the wire that the server itself, or the first look at them, refuses.

`{host}` and `{key}` are filled in. What is sent is the head of a request, then `body` as it is.
"""

import gzip

from tests.bad_inputs.cases.rows import Wire

_POST = "POST /api/v1/orders HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
_JSON = "Content-Type: application/json\r\n"
_GET = "GET /api/v1/orders HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
_BOMB = gzip.compress(b"\0" * 20_000_000)
_GZIP = "Content-Encoding: gzip\r\n"


def _row(case: str, what: str, head: str, *statuses: int, body: bytes = b"", code: str = "") -> Wire:
    return Wire(id=case, what=what, head=head + "\r\n", statuses=statuses, body=body, code=code)


# Sent byte by byte, in a test of its own.
SLOW = Wire(
    id="A47",
    what="a body that takes longer than the server waits",
    code="request.body_incomplete",
    head="",
    body=b" " * 60,
    statuses=(408,),
)

SLOW_HEAD = Wire(
    id="A47",
    what="headers that take longer than the server waits",
    code="request.headers_incomplete",
    head="GET /healthz/live HTTP/1.1\r\nX: ",
    body=b" " * 60,
    statuses=(408,),
)

WIRE = (
    _row("A45", "a gzip bomb", f"{_POST}{_JSON}{_GZIP}Content-Length: {len(_BOMB)}\r\n", 415, body=_BOMB),
    _row(
        "A45",
        "length and chunks at once",
        f"{_POST}{_JSON}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        400,
        body=b"2\r\n{}\r\n0\r\n\r\n",
        code="request.bad_request",
    ),
    _row(
        "A45",
        "two lengths",
        f"{_POST}{_JSON}Content-Length: 2\r\nContent-Length: 3\r\n",
        400,
        body=b"{} ",
        code="request.bad_request",
    ),
    _row(
        "A45", "a negative length", f"{_POST}{_JSON}Content-Length: -1\r\n", 400, code="request.bad_request"
    ),
    _row(
        "A45",
        "chunks",
        f"{_POST}{_JSON}Transfer-Encoding: chunked\r\n",
        411,
        body=b"2\r\n{}\r\n0\r\n\r\n",
        code="request.length_required",
    ),
    _row(
        "A45",
        "chunks that HTTP/1.0 does not know",
        f"{_POST}{_JSON}Transfer-Encoding: chunked\r\n".replace("HTTP/1.1", "HTTP/1.0"),
        400,
        body=b"2\r\n{}\r\n0\r\n\r\n",
        code="request.bad_request",
    ),
    _row(
        "A45",
        "an empty coding of transfer beside a length",
        f"{_POST}{_JSON}Content-Length: 2\r\nTransfer-Encoding:\r\n",
        400,
        body=b"{}",
        code="request.bad_request",
    ),
    _row(
        "A45",
        "the same length twice",
        f"{_POST}{_JSON}Content-Length: 2\r\nContent-Length: 2\r\n",
        400,
        body=b"{}",
        code="request.bad_request",
    ),
    _row(
        "A45",
        "a length of 5,000 digits",
        f"{_POST}{_JSON}Content-Length: {'9' * 5_000}\r\n",
        400,
        code="request.bad_request",
    ),
    _row(
        "A45",
        "a body of 10 MB",
        f"{_POST}{_JSON}Content-Length: 10000000\r\n",
        413,
        body=b" " * 10_000_000,
        code="request.body_too_large",
    ),
    _row(
        "A45",
        "a body of 10 MB that waits for leave",
        f"{_POST}{_JSON}Content-Length: 10000000\r\nExpect: 100-continue\r\n",
        413,
        code="request.body_too_large",
    ),
    _row(
        "A45",
        "another coding of transfer",
        f"{_POST}{_JSON}Transfer-Encoding: gzip\r\n",
        501,
        code="request.transfer_coding_unknown",
    ),
    _row(
        "A45",
        "a coding of transfer that is none",
        f"{_POST}{_JSON}Transfer-Encoding: tea\r\n",
        501,
        code="request.transfer_coding_unknown",
    ),
    _row(
        "A46",
        "10,000 headers",
        _GET + "".join(f"X-{number}: 1\r\n" for number in range(10_000)),
        431,
        code="request.headers_too_large",
    ),
    _row(
        "A46", "a header of 64 KB", f"{_GET}X-Long: {'x' * 65_536}\r\n", 431, code="request.headers_too_large"
    ),
    _row(
        "A46",
        "an address of 64 KB",
        _GET.replace("/orders", "/orders?x=" + "x" * 65_536),
        414,
        code="request.address_too_long",
    ),
    _row("A46", "a cookie of 8 KB", f"{_GET}Cookie: {'x' * 8_000}\r\n", 200),
    _row("A48", "an expectation", f"{_GET}Expect: tea\r\n", 417, code="request.expectation_unknown"),
    _row("A48", "no host", "GET /api/v1/orders HTTP/1.1\r\n", 400, code="request.bad_request"),
    _row(
        "A48",
        "8 KB of blanks before a control character",
        f"{_GET}X-A: {' ' * 8_000}\x01\r\n",
        400,
        code="request.bad_request",
    ),
    _row(
        "A48",
        "brackets without an address in them",
        _GET.replace("/api", "http://[/api"),
        400,
        code="request.bad_request",
    ),
    _row("A48", "a folded header", f"{_GET}X-A: 1\r\n folded\r\n", 400, code="request.bad_request"),
    _row("A48", "a header without a colon", f"{_GET}nonsense\r\n", 400, code="request.bad_request"),
    _row(
        "A48",
        "a key in a header without a colon",
        f"{_GET}Authorization Bearer {{key}}\r\n",
        400,
        code="request.bad_request",
    ),
    _row("A48", "a line break in a header", f"{_GET}X-A: a\rb\r\n", 400, code="request.bad_request"),
    _row("A48", "NUL in a header", f"{_GET}X-A: a\0b\r\n", 400, code="request.bad_request"),
    _row("A48", "an underscore in a header", f"{_GET}X_A: 1\r\n", 200),
    _row("A48", "no method", "/ HTTP/1.1\r\nHost: {host}\r\n", 400, code="request.bad_request"),
    _row("A48", "a method in lower case", _GET.replace("GET", "get"), 400, code="request.bad_request"),
    _row(
        "A48",
        "a protocol that does not exist",
        _GET.replace("HTTP/1.1", "HTTP/9.9"),
        400,
        code="request.bad_request",
    ),
    _row("A48", "TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, code="request.bad_request"),
    _row("A48", "bytes that are no UTF-8 in the address", _GET.replace("/orders", "/%ff%fe"), 404),
    _row("A48", "a NUL in the address", _GET.replace("/orders", "/orders/%00"), 404),
    _row("A48", "a way up in the address", _GET.replace("/orders", "/../../etc/passwd"), 404),
    _row("A48", "an absolute address", _GET.replace("/api", "http://evil.example/api"), 200, 400, 404),
    *(
        _row(
            "A48",
            f"a type of content that nobody can read: {sent[:60]}",
            f"GET {path} HTTP/1.1\r\nHost: {{host}}\r\nContent-Type: {sent}\r\n",
            400,
            code="request.bad_request",
        )
        for path in ("/api/v1/orders", "/healthz/live", "/admin/login/")
        for sent in (
            "application/json; charset*=utf-8''%00",
            "application/json; x*=nonsense''%ff",
            "multipart/form-data; boundary=x; charset=hex",
            "multipart/form-data; boundary=x; charset=idna",
            "multipart/form-data; boundary=x; charset=nonsense",
        )
    ),
    _row(
        "A48",
        "a form in UTF-8",
        "GET /healthz/live HTTP/1.1\r\nHost: {host}\r\n"
        "Content-Type: multipart/form-data; boundary=x; charset=UTF8\r\n",
        200,
    ),
    _row(
        "A45",
        "a header that moves an address elsewhere",
        "GET /api/metrics HTTP/1.1\r\nHost: {host}\r\nSCRIPT_NAME: /api\r\n",
        404,
    ),
)
