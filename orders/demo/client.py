"""A small client of the API, on the standard library: what anybody's program would do."""

import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from orders.demo.answers import Entry, OrderView, read_entry, read_order
from orders.demo.stock import Stock, read_stock

POLL_SECONDS = 0.1
# Doubled with each try; all together ten seconds, in which a web process that died is back.
RETRY_SECONDS = 0.3
_TIMEOUT = 15.0
_TRIES = 6
_LONGEST_PAUSE = 5.0

Body = Mapping[str, Any]


class ApiError(Exception):
    """An answer that is no success; the text is one line with status, code and detail."""

    def __init__(self, status: int, body: Body) -> None:
        code, detail = body.get("code", ""), body.get("detail", "")
        fields = "; ".join(f"{e.get('pointer')}: {e.get('message')}" for e in body.get("errors", ()))
        words = [f"HTTP {status}", str(code), str(detail), fields]
        super().__init__(" · ".join(word for word in words if word))
        self.status = status
        self.code = str(code)


class UnreachableError(Exception):
    """Nobody answers at the address, or not as HTTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    body: Body
    retry_after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiClient:
    """Calls the API at `base_url` (scheme, host, port) with one key. Safe to use from one thread."""

    base_url: str
    key: str = field(default="", repr=False)

    # --- Orders ----------------------------------------------------------------------------------

    def place_order(self, body: Body) -> OrderView:
        """Place an order."""
        return read_order(self.post("/api/v1/orders", body))

    def get_order(self, order_id: str) -> OrderView:
        """Return one order in full."""
        return read_order(self.get(f"/api/v1/orders/{order_id}"))

    def get_timeline(self, order_id: str) -> list[Entry]:
        """Return the timeline of an order, oldest first."""
        return [read_entry(row) for row in self.rows(f"/api/v1/orders/{order_id}/timeline")]

    def get_stock(self) -> Stock:
        """Return the levels of all shelves."""
        return read_stock(self.rows("/api/v1/stock"))

    def watch_order(
        self, order_id: str, until: Callable[[OrderView], bool], *, seconds: float
    ) -> Iterator[OrderView]:
        """Yield the order each time it was read, until `until` holds or the time is up."""
        deadline = time.monotonic() + seconds
        while True:
            order = self.get_order(order_id)
            yield order
            if until(order) or time.monotonic() >= deadline:
                return
            time.sleep(POLL_SECONDS)

    # --- HTTP ------------------------------------------------------------------------------------

    def get(self, path: str) -> Body:
        """Return the JSON of an address. Raises ApiError, UnreachableError."""
        return self._send("GET", path, None, {})

    def rows(self, path: str) -> list[Body]:
        """Return all rows of a list, page by page."""
        found: list[Body] = []
        following: str | None = f"{path}?{urlencode({'limit': 200})}"
        while following:
            page = self.get(following)
            found += page["results"]
            following = page.get("next")
        return found

    def post(self, path: str, body: Body) -> Body:
        """Send a command once, however often it must be repeated. Raises ApiError, UnreachableError."""
        return self._send("POST", path, body, {"Idempotency-Key": str(uuid4())})

    def _send(self, method: str, path: str, body: Body | None, headers: Mapping[str, str]) -> Body:
        """Send; what may succeed later (no answer, or a Retry-After) is sent again with the same key."""
        for attempt in range(_TRIES):
            is_last = attempt == _TRIES - 1
            try:
                answer = self._exchange(method, path, body, headers)
            except (OSError, http.client.HTTPException) as error:
                if is_last:
                    raise UnreachableError(f"{self.base_url} does not answer ({_reason(error)})") from None
                time.sleep(RETRY_SECONDS * 2**attempt)
                continue
            if answer.status < 400:
                return answer.body
            if answer.retry_after is None or is_last:
                raise ApiError(answer.status, answer.body)
            time.sleep(min(answer.retry_after, _LONGEST_PAUSE))
        raise AssertionError("unreachable")

    def _exchange(self, method: str, path: str, body: Body | None, headers: Mapping[str, str]) -> _Answer:
        connection = _connect(self.base_url)
        sent = {"Accept": "application/json", **headers}
        if self.key:
            sent["Authorization"] = f"Bearer {self.key}"
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        try:
            connection.request(method, path, body=payload, headers=sent)
            response = connection.getresponse()
            return _Answer(
                status=response.status,
                body=_parsed(response.read()),
                retry_after=_seconds(response.headers.get("Retry-After")),
            )
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """Tell whether the API and all it needs answer."""
        try:
            return self._exchange("GET", "/healthz/ready", None, {}).status == 200
        except (OSError, http.client.HTTPException):
            return False


def fetch_text(url: str) -> str:
    """Return what a plain address answers, or an empty text."""
    parts = urlsplit(url)
    connection = _connect(url)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def _connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port
    if parts.scheme == "https":
        return http.client.HTTPSConnection(
            host, port or 443, timeout=_TIMEOUT, context=ssl.create_default_context()
        )
    return http.client.HTTPConnection(host, port or 80, timeout=_TIMEOUT)


def _parsed(text: bytes) -> Body:
    try:
        found = json.loads(text or b"{}")
    except ValueError:
        return {"detail": text[:200].decode(errors="replace").replace("\n", " ")}
    return found if isinstance(found, dict) else {"results": found}


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdigit() else None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
