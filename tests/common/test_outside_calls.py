"""The limits of a port, whatever its adapter does."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from pytest_django import Settings

from holo.common.context import bound, request_id
from holo.common.errors import OutageError
from holo.common.outside_calls import CallTimedOutError, Port, PortBusyError, limited_sockets

pytestmark = pytest.mark.pure

PATIENCE = 20.0


@pytest.fixture
def port(settings: Settings) -> Iterator[Port]:
    """A port of two places whose calls are waited for a fifth of a second."""
    settings.OUTSIDE_CALLS, settings.OUTSIDE_SECONDS = 2, 0.2
    port = Port("test")
    yield port
    port.close()


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What calls that hang wait for; set at the end at the latest."""
    event = threading.Event()
    yield event
    event.set()


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until `condition` is true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_answer_and_error_arrive_as_they_are(port: Port) -> None:
    assert port.call(lambda: 7) == 7
    for error in (ValueError("no"), TimeoutError("its own"), SystemExit(3)):

        def fail(error: BaseException = error) -> None:
            raise error

        with pytest.raises(type(error)) as caught:
            port.call(fail)
        assert caught.value is error
    assert (port.taken, port.left_behind) == (0, 0)


def test_call_knows_the_request_that_it_is_for(port: Port) -> None:
    with bound(request_id="req-1"):
        assert port.call(request_id) == "req-1"


def test_call_that_hangs_is_left_and_keeps_its_place_until_it_ends(
    port: Port, released: threading.Event
) -> None:
    began = time.monotonic()
    with pytest.raises(CallTimedOutError):
        port.call(released.wait)
    assert 0.2 <= time.monotonic() - began < 5
    assert (port.taken, port.left_behind) == (1, 1)
    released.set()
    eventually(lambda: (port.taken, port.left_behind) == (0, 0))


def test_calls_of_one_turn_share_its_time(port: Port, released: threading.Event) -> None:
    sent: list[int] = []
    with port.turn():
        with pytest.raises(CallTimedOutError):
            port.call(released.wait)
        with pytest.raises(CallTimedOutError, match="no time is left"):
            port.call(lambda: sent.append(1))
    assert sent == []
    assert (port.taken, port.left_behind) == (1, 1)


def test_step_beyond_the_places_is_refused_at_once_and_sends_nothing(
    port: Port, released: threading.Event
) -> None:
    for _ in range(2):
        with pytest.raises(CallTimedOutError):
            port.call(released.wait)
    sent: list[int] = []
    began = time.monotonic()
    with pytest.raises(PortBusyError) as refused:
        port.call(lambda: sent.append(1))
    assert time.monotonic() - began < 0.1
    assert sent == []
    # Neither of the two counts as a try, see workflows/runtime/interceptors.py.
    assert isinstance(refused.value, OutageError)
    released.set()
    eventually(lambda: port.taken == 0)
    port.call(lambda: sent.append(1))
    assert sent == [1]


def test_never_more_calls_than_places(port: Port) -> None:
    now, most, lock, two = 0, 0, threading.Lock(), threading.Event()

    def ask() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            if now == 2:
                two.set()
        # The first waits for the second: on a busy machine it would have ended before.
        two.wait(30)
        time.sleep(0.002)
        with lock:
            now -= 1

    def one() -> bool:
        try:
            port.call(ask)
        except PortBusyError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        answered: list[Future[bool]] = [pool.submit(one) for _ in range(200)]
    assert any(future.result() for future in answered)
    assert most == 2
    assert port.taken == 0


def test_refused_steps_come_again_one_after_the_other(port: Port, released: threading.Event) -> None:
    """As far apart as turns have lasted lately, and none later than after a quarter of a minute."""
    with ExitStack() as taken:
        for _ in range(2):
            taken.enter_context(port.turn())
        pauses = [_refused(port) for _ in range(2000)]
    assert min(pauses) >= 0.15
    assert 10 < max(pauses) <= 15
    early, late = pauses[:50], pauses[100:150]
    assert sum(late) > 1.5 * sum(early)


def test_partner_that_has_been_fast_is_waited_for_a_moment(port: Port) -> None:
    for _ in range(40):
        port.call(lambda: None)
    with ExitStack() as taken:
        taken.enter_context(port.turn())
        with port.turn(), ThreadPoolExecutor(1) as pool:
            began = time.monotonic()
            with pytest.raises(PortBusyError):
                pool.submit(port.call, lambda: 1).result(PATIENCE)
            # Not for long: the step still holds a slot.
            assert time.monotonic() - began < 0.5
        assert port.call(lambda: 1) == 1


def test_step_gets_the_place_that_becomes_free_meanwhile(port: Port) -> None:
    for _ in range(40):
        port.call(lambda: None)
    port._seconds = 0.09
    with ThreadPoolExecutor(1) as pool, port.turn():
        with port.turn():
            late = pool.submit(port.call, lambda: 1)
            eventually(lambda: bool(port._lock._waiters))  # type: ignore[attr-defined]
        assert late.result(PATIENCE) == 1


def _refused(port: Port) -> float:
    with pytest.raises(PortBusyError) as refused, port.turn():
        pass
    return refused.value.retry_after


def test_threads_are_kept_and_end_when_they_are_told_to(port: Port) -> None:
    threads = {port.call(threading.current_thread) for _ in range(20)}
    assert len(threads) == 1
    (thread,) = threads
    assert thread.daemon  # it does not keep the process from ending
    port.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_sockets_without_a_limit_get_one() -> None:
    before = socket.getdefaulttimeout()
    with limited_sockets(), socket.socket() as client:
        assert client.gettimeout() == 5
    assert socket.getdefaulttimeout() == before
