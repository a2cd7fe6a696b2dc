"""Reads requests, and refuses those that two servers could read in two ways (RFC 9112, section 11)."""

import re
from codecs import lookup

from django.utils.http import parse_header_parameters
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import Error

# Bytes of the request line and number of headers; all headers together: `max_request_header_size`.
LONGEST_LINE = 8190
MOST_HEADERS = 100
BAD_REQUEST, LENGTH_REQUIRED, ADDRESS_TOO_LONG = 400, 411, 414
EXPECTATION_FAILED, HEADERS_TOO_LARGE = 417, 431

# Folded headers, which waitress accepts, and control characters.
_UNFIT = re.compile(rb"\r\n[ \t]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# Waitress needs the square of their number of steps: 13 s for the 30,000 blanks that fit into one header.
_BLANKS = re.compile(rb"(\r\n[!-9;-~]+:)[ \t]+")
_CODING = re.compile(rb"\r\ntransfer-encoding[ \t]*:", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:", re.IGNORECASE)


class RefusedRequest(Error):  # type: ignore[misc]  # waitress has no types
    """Why the parser stopped reading: a status that `holo.web.unread` knows."""

    def __init__(self, status: int) -> None:
        super().__init__("")
        self.code = status


class RequestParser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """One request: the line, the headers, then the body of a stated length."""

    # Until the request names its own.
    version = "1.1"

    def received(self, data: bytes) -> int:
        """Read a piece; return how many bytes belong to this request."""
        consumed: int = super().received(data)
        if not self.headers_finished and self.error is None:
            self._refuse(_fault_of_start(self.header_plus))
        if self.error is not None:
            self.completed = True
        if self.completed:
            # Waitress would invite a body that nobody reads.
            self.expect_continue = False
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Read request line and headers."""
        self._refuse(_fault_of_start(header_plus) or _fault_of_headers(header_plus))
        if self.error is not None:
            return
        try:
            super().parse_header(_BLANKS.sub(rb"\1", header_plus))
        except ValueError as error:
            # A length of thousands of digits, or brackets in the address that enclose no IPv6 address.
            raise ParsingError(str(error)) from error
        self._refuse(self._fault(_CODING.search(header_plus) is not None))

    def _fault(self, has_coding: bool) -> int:
        if self.version not in ("1.0", "1.1") or (has_coding and self.version == "1.0"):
            return BAD_REQUEST
        if self.version == "1.1" and "HOST" not in self.headers:
            return BAD_REQUEST
        if not _is_readable(self.headers.get("CONTENT_TYPE", "")):
            return BAD_REQUEST
        if has_coding:
            return LENGTH_REQUIRED
        known = self.headers.get("EXPECT", "100-continue").lower() == "100-continue"
        return 0 if known else EXPECTATION_FAILED

    def _refuse(self, status: int) -> None:
        if status:
            self.error = RefusedRequest(status)


def _is_readable(content_type: str) -> bool:
    """Tell whether Django can read a Content-Type, and forms of it; else each address would fail with 500."""
    try:
        kind, parameters = parse_header_parameters(content_type)
        charset = lookup(parameters.get("charset", "utf-8")).name
    except LookupError:
        charset = "unknown"
    except ValueError:
        # A parameter in a charset that does not exist, a charset with NUL (RFC 8187).
        return False
    return kind != "multipart/form-data" or charset == "utf-8"


def _fault_of_start(received: bytes) -> int:
    """Return the status that a first byte or a request line calls for, complete or not; 0 for none."""
    start = received.lstrip(b"\r\n")
    if start and not start[:1].isupper():
        return BAD_REQUEST
    end = start.find(b"\r\n")
    return ADDRESS_TOO_LONG if (len(start) if end < 0 else end) > LONGEST_LINE else 0


def _fault_of_headers(header_plus: bytes) -> int:
    if header_plus.count(b"\r\n") - 2 > MOST_HEADERS:
        return HEADERS_TOO_LARGE
    ambiguous = _CODING.search(header_plus) and _LENGTH.search(header_plus)
    return BAD_REQUEST if ambiguous or _UNFIT.search(header_plus) else 0
