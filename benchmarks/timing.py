"""Whether the time of a refusal tells what was right, of whole requests over HTTP on the loopback.

    .venv/bin/python -m benchmarks.timing

starts a stack of its own, takes about three minutes and prints one JSON object. Each comparison sends three
kinds of requests in turns of random order, A, A once more and B, over one connection. The difference is that
of the medians of A and B; the gate is what two medians of A may differ by: the 99th percentile of 2,000 pairs
of samples drawn anew from A's own (bootstrap). Times in microseconds.
"""

import argparse
import json
import os
import random
import re
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from urllib.parse import urlencode

from benchmarks.stack import BenchmarkError, MeasuredStack, measured_stack

_KEY_SAMPLES, _LOGIN_SAMPLES, _WARM_UP = 4000, 150, 100
_DRAWS, _PERCENTILE = 2000, 99
_PASSWORD, _EMAIL = "correct horse battery staple", "somebody@bench.example"
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
# Two kinds of requests by name: the first is A, the second B.
Kinds = Mapping[str, Callable[[], bytes]]


class Line:
    """One connection to the web process."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = self._connect()

    def _connect(self) -> socket.socket:
        line = socket.create_connection(("127.0.0.1", self._port), 30)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return line

    def ask(self, request: bytes, *, expect: int) -> tuple[float, bytes]:
        """Send a request; return the microseconds until the whole answer is there, and the answer."""
        begun = time.perf_counter_ns()
        self._socket.sendall(request)
        answer = b""
        while not _is_whole(answer):
            piece = self._socket.recv(65_536)
            if not piece:
                raise BenchmarkError("the web process closed the connection")
            answer += piece
        taken = (time.perf_counter_ns() - begun) / 1000
        if int(answer[9:12]) != expect:
            raise BenchmarkError(f"the web process answered {answer[:200]!r}")
        return taken, answer


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = _LENGTH.search(head + b"\r\n")
    return bool(end) and length is not None and len(body) >= int(length[1])


def compare(port: int, kinds: Kinds, *, samples: int, expect: int) -> dict[str, float | int | bool]:
    """Measure both kinds; return medians, their difference, and the gate below which it tells nothing."""
    (name_a, make_a), (name_b, make_b) = kinds.items()
    line = Line(port)
    taken: dict[str, list[float]] = {"a": [], "again": [], "b": []}
    makers = {"a": make_a, "again": make_a, "b": make_b}
    turn = list(makers)
    for number in range(samples + _WARM_UP * samples // _KEY_SAMPLES):
        random.shuffle(turn)
        for kind in turn:
            microseconds, _answer = line.ask(makers[kind](), expect=expect)
            if number >= _WARM_UP * samples // _KEY_SAMPLES:
                taken[kind].append(microseconds)
    medians = {kind: statistics.median(found) for kind, found in taken.items()}
    gate = _gate(taken["a"] + taken["again"], size=samples)
    difference = abs(statistics.median(taken["a"] + taken["again"]) - medians["b"])
    return {
        "samples of each": samples,
        name_a: round(medians["a"], 1),
        f"{name_a}, again": round(medians["again"], 1),
        name_b: round(medians["b"], 1),
        "difference": round(difference, 1),
        "gate": round(gate, 1),
        "told": difference > gate,
    }


def _gate(of_one_kind: list[float], *, size: int) -> float:
    found = sorted(
        abs(
            statistics.median(random.choices(of_one_kind, k=2 * size))
            - statistics.median(random.choices(of_one_kind, k=size))
        )
        for _draw in range(_DRAWS)
    )
    return found[_DRAWS * _PERCENTILE // 100]


# --- What is sent --------------------------------------------------------------------------------


def _with_key(text: str) -> Callable[[], bytes]:
    request = f"GET /api/v1/whoami HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {text}\r\n\r\n"
    return request.encode


def _with_secret(text: str, place: int) -> str:
    """Return a key of the same prefix whose secret differs in one place; its checksum is right."""
    from holo.apiauth.keys import _checksum

    _holo, kind, rest = text.split("_")
    prefix, secret = rest[:8], list(rest[8:30])
    secret[place] = "A" if secret[place] != "A" else "B"
    changed = "".join(secret)
    return f"holo_{kind}_{prefix}{changed}{_checksum(kind, prefix, changed)}"


def _logins(line: Line) -> Callable[[Callable[[], str]], Callable[[], bytes]]:
    """Return what makes attempts to log in, each from an address of its own, so that no limit is met."""
    page = "/admin/login/"
    _taken, answer = line.ask(f"GET {page} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode(), expect=200)
    cookie = re.search(rb"(__Host-csrftoken=\w+)", answer)
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', answer)
    if cookie is None or token is None:
        raise BenchmarkError("the login page has no CSRF token")
    addresses = (f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in count(1))

    def of(email: Callable[[], str]) -> Callable[[], bytes]:
        def attempt() -> bytes:
            form = {"csrfmiddlewaretoken": token[1].decode(), "username": email(), "password": "a wrong one"}
            body = urlencode(form)
            return (
                f"POST {page} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: {next(addresses)}\r\n"
                f"Cookie: {cookie[1].decode()}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}"
            ).encode()

        return attempt

    return of


def _strangers() -> Iterator[str]:
    """Yield e-mail addresses of nobody, as long as that of somebody."""
    for number in count(100_000):
        yield f"som{number}@bench.example"


# --- The run -------------------------------------------------------------------------------------


def _measure(stack: MeasuredStack) -> dict[str, dict[str, float | int | bool]]:
    os.environ.clear()
    os.environ.update(stack.environment)
    import django

    django.setup()
    # Models can be imported only now.
    from benchmarks.world import make_world
    from holo.apiauth.keys import make_key
    from holo.identity.models import User
    from holo.stack.ports import ports_at

    key = make_world().seller_key
    User.objects.create_user(_EMAIL, _PASSWORD, is_staff=True)
    port = ports_at(int(stack.environment["PORT_OFFSET"])).web
    first, last = _with_key(_with_secret(key, 0)), _with_key(_with_secret(key, -1))
    keys: dict[str, Kinds] = {
        "an unknown prefix, a known one": {"unknown": _with_key(make_key().text), "known": last},
        "a secret wrong at its first character, at its last": {"first": first, "last": last},
    }
    found = {name: compare(port, kinds, samples=_KEY_SAMPLES, expect=401) for name, kinds in keys.items()}
    of, strangers = _logins(Line(port)), _strangers()
    people: Kinds = {"unknown": of(lambda: next(strangers)), "known": of(lambda: _EMAIL)}
    logins = compare(port, people, samples=_LOGIN_SAMPLES, expect=200)
    return {**found, "a login of an unknown person, of a known one": logins}


def main() -> int:
    """Run and return the exit code: 1 when the measurement could not be made."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.timing", description=__doc__)
    parser.add_argument("--port-offset", type=int, default=9000, help="move all ports by this")
    options = parser.parse_args()
    try:
        with measured_stack(port_offset=options.port_offset) as stack:
            # Attempts to log in come from many addresses, as a proxy would tell.
            stack.environment["PROXY_HOPS"] = "1"
            stack.get_ready()
            stack.start()
            print(json.dumps(_measure(stack), indent=2))
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
