"""The payload codec by itself: what it seals, what it opens, and what it says of what it cannot."""

import asyncio

import pytest
from temporalio.api.common.v1 import Payload

from holo.secretstore.keyring import Keyring, make_entry, parse_keyring
from workflows.runtime.errors import PayloadUnreadableError
from workflows.runtime.sealing import ENCODING, KEY_ID, VERSION, SealingCodec

pytestmark = pytest.mark.pure

VALUE = b'{"order_id":"order-4711","total_minor":8100}'
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=VALUE)
OLD, NEW = make_entry("t1"), make_entry("t2")


def codec(ring: str, *, accept_plain: bool = False) -> SealingCodec:
    return SealingCodec(parse_keyring(ring), accept_plain=accept_plain)


def refusal(reader: SealingCodec, payload: Payload) -> str:
    with pytest.raises(PayloadUnreadableError) as raised:
        reader.open(payload)
    assert "4711" not in str(raised.value)
    assert raised.value.__cause__ is None
    return raised.value.message


def changed(payload: Payload, **metadata: bytes) -> Payload:
    found = Payload()
    found.CopyFrom(payload)
    for name, value in metadata.items():
        found.metadata[name.replace("_", "-")] = value
    return found


def test_what_is_sealed_comes_back_with_its_metadata() -> None:
    sealed = codec(OLD).seal(PLAIN)
    assert dict(sealed.metadata) == {"encoding": ENCODING, KEY_ID: b"t1", VERSION: b"1"}
    assert codec(OLD).open(sealed) == PLAIN
    for hidden in (VALUE, b"4711", b"json/plain"):
        assert hidden not in sealed.SerializeToString()


def test_the_sdk_gets_as_many_as_it_gives_in_the_same_order() -> None:
    one, two = PLAIN, Payload()
    sealed = asyncio.run(codec(OLD).encode([one, two]))
    assert asyncio.run(codec(OLD).decode(sealed)) == [one, two]


def test_equal_payloads_look_different() -> None:
    sealed = {codec(OLD).seal(PLAIN).data for _ in range(100)}
    assert len(sealed) == 100
    assert len({data[:12] for data in sealed}) == 100


def test_what_is_not_sealed_is_refused_with_a_ring() -> None:
    """Somebody who has no key wrote it."""
    for payload in (PLAIN, Payload(), Payload(data=VALUE)):
        assert refusal(codec(OLD), payload).startswith("a payload is not sealed; TEMPORAL_ACCEPT_PLAIN=1")


def test_what_is_not_sealed_passes_without_a_ring_and_while_it_is_accepted() -> None:
    """Histories from before there was a ring."""
    for payload in (PLAIN, Payload(), Payload(data=VALUE)):
        assert codec(OLD, accept_plain=True).open(payload) == payload
        assert codec("").open(payload) == payload


def test_control_without_a_ring_nothing_is_sealed() -> None:
    assert codec("").seal(PLAIN) == PLAIN


def test_first_key_seals_and_all_open() -> None:
    before, after = codec(OLD).seal(PLAIN), codec(f"{NEW},{OLD}").seal(PLAIN)
    assert after.metadata[KEY_ID] == b"t2"
    for payload in (before, after):
        assert codec(f"{NEW},{OLD}").open(payload) == PLAIN
        assert codec(f"{OLD},{NEW}").open(payload) == PLAIN
    assert refusal(codec(NEW), before) == (
        "a payload is sealed with the key t1, which is not in TEMPORAL_KEYRING"
    )
    assert "the key t2, which" in refusal(codec(OLD), after)
    assert "the key t1, which" in refusal(codec(""), before)


def test_any_changed_bit_is_noticed() -> None:
    sealed, reader = codec(OLD).seal(PLAIN), codec(OLD)
    for bit in range(len(sealed.data) * 8):
        data = bytearray(sealed.data)
        data[bit // 8] ^= 1 << bit % 8
        assert "does not open" in refusal(reader, Payload(metadata=sealed.metadata, data=bytes(data)))


@pytest.mark.parametrize("length", [0, 11, 12, 27])
def test_what_was_cut_is_noticed(length: int) -> None:
    sealed = codec(OLD).seal(PLAIN)
    cut = Payload(metadata=sealed.metadata, data=sealed.data[:length])
    assert "does not open" in refusal(codec(OLD), cut)


def test_id_of_the_key_and_version_are_bound_to_the_payload() -> None:
    key = next(iter(parse_keyring(OLD).keys.values()))
    twins = SealingCodec(Keyring(current="t1", keys={"t1": key, "t2": key}))
    sealed = twins.seal(PLAIN)
    assert twins.open(changed(sealed)) == PLAIN
    assert "does not open" in refusal(twins, changed(sealed, encryption_key_id=b"t2"))
    assert "this version does not know" in refusal(twins, changed(sealed, encryption_version=b"2"))


def test_another_key_under_the_same_id_does_not_open() -> None:
    assert "the key t1 is another one here" in refusal(codec(make_entry("t1")), codec(OLD).seal(PLAIN))


def test_id_that_is_no_text_is_an_unknown_key() -> None:
    sealed = changed(codec(OLD).seal(PLAIN), encryption_key_id=b"\xff" * 1000)
    assert len(refusal(codec(OLD), sealed)) < 200
