"""A worker of one domain in a thread of the test, sandboxed unless the test says otherwise."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from workflows.runtime import client
from workflows.runtime.registry import Domain
from workflows.runtime.worker import activity_pool, build_worker


@contextmanager
def serving(domain: Domain, *, sandboxed: bool = True) -> Iterator[None]:
    """Serve the domain until the block ends."""
    begun, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        with activity_pool(domain) as pool:
            worker = build_worker(await client.connect(), domain, pool=pool, sandboxed=sandboxed)
            async with worker:
                begun.set()
                await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name=f"serve-{domain.name}")
    thread.start()
    try:
        assert begun.wait(60), "the worker did not start"
        yield
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()
