"""A tiny HTTP server that answers like the order API, from a script; for tests of its client."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(slots=True, kw_only=True)
class Reply:
    """One answer: `body` as JSON, or `text` as it is."""

    status: int = 200
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


@dataclass(slots=True, kw_only=True)
class ScriptedApi:
    """`replies` by method and path, each list used up to its last, which stays; `requests` as they came."""

    replies: Mapping[str, Sequence[Reply]]
    url: str = ""
    requests: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    _used: dict[str, int] = field(default_factory=dict)

    def answer(self, line: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Return the next answer to `METHOD /path`."""
        self.requests.append((line, headers, body))
        script = self.replies.get(line)
        if script is None:
            return Reply(status=404, body={"code": "request.not_found", "detail": line})
        turn = self._used.get(line, 0)
        self._used[line] = turn + 1
        return script[min(turn, len(script) - 1)]


@contextmanager
def scripted_api(replies: Mapping[str, Sequence[Reply]]) -> Iterator[ScriptedApi]:
    """Serve the script on a free port."""
    api = ScriptedApi(replies=replies)

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            line = f"{self.command} {urlsplit(self.path).path}"
            reply = api.answer(line, dict(self.headers), self.rfile.read(size))
            payload = (reply.text or json.dumps(reply.body)).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(payload)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        do_GET = _reply
        do_POST = _reply

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
