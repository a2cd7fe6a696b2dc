"""A thin HTTP/1.1 client over kept connections: the driver shall take little of what it measures."""

import asyncio
import json
from types import TracebackType
from typing import Any, Self

from benchmarks.stack import BenchmarkError

# Before a request that was told so comes again.
_PAUSE_SECONDS = 0.05


class Wire:
    """`lanes` connections to one address; a request waits for a free one."""

    def __init__(self, port: int, key: str, *, lanes: int) -> None:
        self._port = port
        self._key = key
        self._lanes = lanes
        # How often the server was too busy.
        self.busy = 0
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter] | None] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        for _ in range(self._lanes):
            self._free.put_nowait(None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while not self._free.empty():
            lane = self._free.get_nowait()
            if lane is not None:
                lane[1].close()

    async def post(self, path: str, body: dict[str, Any], *, expect: int) -> dict[str, Any]:
        """Send one request and return the answer's JSON; anything but `expect` ends the measurement.

        Whoever is told that the server is busy comes again soon: the time of both counts.
        """
        status, answer = await self._sent(path, body)
        while status == 503:
            self.busy += 1
            await asyncio.sleep(_PAUSE_SECONDS)
            status, answer = await self._sent(path, body)
        if status != expect:
            raise BenchmarkError(f"POST {path} answered {status}: {answer[:200]!r}")
        parsed: dict[str, Any] = json.loads(answer)
        return parsed

    async def _sent(self, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        lane = await self._free.get()
        try:
            status, answer, lane = await self._exchange(lane, path, body)
        except BaseException:
            self._free.put_nowait(None)
            raise
        self._free.put_nowait(lane)
        return status, answer

    async def _exchange(
        self, lane: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None, path: str, body: dict[str, Any]
    ) -> tuple[int, bytes, tuple[asyncio.StreamReader, asyncio.StreamWriter] | None]:
        payload = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
        )
        for fresh in (lane is None, True):
            if fresh:
                lane = await asyncio.open_connection("127.0.0.1", self._port)
            assert lane is not None
            reader, writer = lane
            writer.write(head.encode() + payload)
            try:
                headers = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                # The server closes a connection that was idle; nothing of the request was read then.
                writer.close()
                if fresh:
                    raise BenchmarkError("the web process closed the connection") from error
                continue
            break
        status = int(headers[9:12])
        fields = headers.lower()
        length = int(fields.partition(b"content-length:")[2].partition(b"\r\n")[0])
        answer = await reader.readexactly(length)
        if b"connection: close" in fields:
            writer.close()
            return status, answer, None
        return status, answer, (reader, writer)
