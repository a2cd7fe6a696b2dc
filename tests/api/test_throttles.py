"""Limits of the API: exact however many ask at once, told in headers, and never in the way without Valkey."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache.backends.redis import RedisCache
from django.test import Client
from rest_framework.throttling import SimpleRateThrottle

from holo.common import throttles
from holo.common.ids import uuid7
from holo.common.rates import Rate, RateError, parse_rate
from holo.common.throttles import Bucket, spend
from holo.stack.ports import free_port
from holo.stack.valkey import ValkeyServer
from tests.api.people import Api, build_key, build_person, code_of
from tests.api.signers import build_signer
from tests.builders import build_organization
from tests.racing import race

SLOW = Rate(quota=1, seconds=3600, burst=50)


@pytest.fixture(autouse=True)
def listening() -> Iterator[None]:
    """Forget that Valkey was silent, before and after."""
    throttles.listen_again()
    yield
    throttles.listen_again()


def bucket(rate: Rate = SLOW, *, of: str = "") -> Bucket:
    return Bucket(policy="credential", of=of or uuid7().hex, rate=rate)


def limit(settings: LazySettings, **rates: Rate) -> None:
    settings.RATES = {**settings.RATES, **rates}


def an_api(*scopes: str) -> Api:
    organization = build_organization()
    owner = build_person(organization=organization, groups=["operator"])
    return Api(build_key(owner=owner, organization=organization, scopes=scopes or ["orders:read"]))


# --- Counting ------------------------------------------------------------------------------------


class _Framework(SimpleRateThrottle):
    """The framework's own limit: read, look, write."""

    rate = "50/hour"

    def get_cache_key(self, request: Any, view: Any) -> str:
        """Count everything together."""
        return str(request)


def test_control_the_frameworks_limit_lets_more_through(valkey: ValkeyServer) -> None:
    _Framework.cache = RedisCache(valkey.url, {})
    name = uuid7().hex

    def ask() -> bool:
        return bool(_Framework().allow_request(name, None))  # type: ignore[arg-type]

    assert race([ask] * 200).count(True) > 50


def test_of_two_hundred_calls_at_once_the_limit_passes(
    valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two hundred threads of one process are slow to connect.
    monkeypatch.setattr(throttles, "_PATIENCE", 30.0)
    throttles._script.cache_clear()
    one = bucket()

    def ask() -> bool:
        verdict = spend([one])
        assert verdict is not None
        return not verdict.refused

    found = race([ask] * 200)
    throttles._script.cache_clear()
    assert (found.count(True), found.count(False)) == (50, 150)


def test_refused_call_costs_the_other_buckets_nothing(valkey: ValkeyServer) -> None:
    narrow, wide = bucket(Rate(quota=1, seconds=3600, burst=1)), bucket()
    assert [_refused(narrow, wide) for _call in range(3)] == [False, True, True]
    verdict = spend([wide])
    assert verdict is not None
    assert verdict.remaining == 48


def _refused(*buckets: Bucket) -> bool:
    verdict = spend(buckets)
    assert verdict is not None
    return verdict.refused


def test_bucket_refills_with_time_and_says_when(valkey: ValkeyServer) -> None:
    one = bucket(Rate(quota=10, seconds=1, burst=1))
    assert not _refused(one)
    verdict = spend([one])
    assert verdict is not None
    assert 0 < verdict.wait <= 0.1
    threading.Event().wait(verdict.wait)
    assert not _refused(one)


@pytest.mark.pure
@pytest.mark.parametrize("text", ["", "10", "10/1", "0/1:1", "1/0:1", "1/1:0", "1/1:1 ", "-1/1:1", "1/s:1"])
def test_text_that_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(RateError, match="1000/10:2000"):
        parse_rate(text)


@pytest.mark.pure
def test_rate_is_read_as_written() -> None:
    assert parse_rate("1000/10:2000") == Rate(quota=1000, seconds=10, burst=2000)
    assert parse_rate("off") is None


# --- The API -------------------------------------------------------------------------------------


def test_call_too_many_is_told_when_to_come_back(
    fresh_database: str, valkey: ValkeyServer, settings: LazySettings
) -> None:
    limit(settings, credential=Rate(quota=1, seconds=60, burst=2))
    api, other = an_api(), an_api()
    first = api.get("/api/v1/orders")
    assert first.status_code == 200
    assert first["RateLimit-Policy"] == '"credential";q=2;w=60'
    assert first["RateLimit"] == '"credential";r=1;t=60'
    assert api.get("/api/v1/orders").status_code == 200
    refused = api.get("/api/v1/orders")
    assert (refused.status_code, code_of(refused)) == (429, "request.throttled")
    assert refused.json()["details"] == {"limit": "credential"}
    assert 55 <= int(refused["Retry-After"]) <= 60
    assert refused["RateLimit"].startswith('"credential";r=0;')
    # Somebody else's calls are their own.
    assert other.get("/api/v1/orders").status_code == 200


@pytest.mark.parametrize("policy", ["user", "organization"])
def test_second_key_does_not_help(
    fresh_database: str, valkey: ValkeyServer, settings: LazySettings, policy: str
) -> None:
    limit(settings, **{policy: Rate(quota=1, seconds=60, burst=2)})
    organization = build_organization()
    owner = build_person(organization=organization, groups=["operator"])
    keys = [
        Api(build_key(owner=owner, organization=organization, scopes=["orders:read"])) for _key in range(3)
    ]
    assert [key.get("/api/v1/orders").status_code for key in keys] == [200, 200, 429]


def test_whoever_has_no_key_is_counted_by_address(
    fresh_database: str, valkey: ValkeyServer, settings: LazySettings
) -> None:
    limit(settings, address=Rate(quota=1, seconds=60, burst=2))
    address, other = "203.0.113.7", "203.0.113.8"

    def ask(peer: str, **headers: str) -> int:
        return int(Client(REMOTE_ADDR=peer, headers=headers).get("/api/v1/orders").status_code)

    assert [ask(address), ask(address, Authorization="Bearer wrong")] == [401, 401]
    assert ask(address) == 429
    # What a client writes into the header is not where it comes from.
    assert ask(address, **{"X-Forwarded-For": other}) == 429
    assert ask(other) == 401
    # Whoever has one address of IPv6 has 2**64 of them.
    assert [ask("2001:db8::1"), ask("2001:db8::2"), ask("2001:db8::3")] == [401, 401, 429]
    assert ask("2001:db8:0:1::1") == 401
    # A valid key is counted as a key, wherever it comes from.
    assert an_api().client.get("/api/v1/orders", REMOTE_ADDR=address).status_code == 200


def test_visitor_with_public_tokens_uses_up_no_more_than_an_address_may(
    fresh_database: str, valkey: ValkeyServer, settings: LazySettings
) -> None:
    signer = build_signer(build_organization(), "orders:read")
    tokens = [signer.sign(buyer=f"buyer-{number}", scopes=["orders:read"]) for number in range(6)]
    slow = Rate(quota=1, seconds=60, burst=5)
    limit(settings, credential=slow, user=slow, organization=slow, public=replace(slow, burst=2))

    def ask(token: str, peer: str) -> int:
        return int(Api(token).client.get("/api/v1/orders", REMOTE_ADDR=peer).status_code)

    statuses = [ask(token, f"2001:db8::{number}") for number, token in enumerate(tokens)]
    assert statuses == [200, 200, 429, 429, 429, 429]
    # Other visitors and the shop itself go on.
    assert ask(tokens[0], "203.0.113.8") == 200
    shop = Api(signer.text)
    assert [shop.get("/api/v1/orders").status_code for _call in range(2)] == [200, 200]


def test_call_goes_on_without_valkey_and_the_next_one_does_not_wait(
    fresh_database: str, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    limit(settings, credential=Rate(quota=1, seconds=60, burst=1))
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    api = an_api()
    assert [api.get("/api/v1/orders").status_code for _call in range(3)] == [200] * 3
    told = [record for record in caplog.records if record.name == throttles.__name__]
    assert [record.getMessage() for record in told] == ["calls are not counted for 5 s: ConnectionError"]


def test_valkey_that_hangs_is_asked_once(settings: LazySettings) -> None:
    """A port that accepts and says nothing."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        assert [spend([bucket()]) for _call in range(100)] == [None] * 100
        silent.settimeout(0)
        peers = [silent.accept()[0]]
        with pytest.raises(BlockingIOError):
            silent.accept()
        for peer in peers:
            peer.close()
