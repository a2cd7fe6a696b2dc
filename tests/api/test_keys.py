"""The text of API keys."""

import re

import pytest

from holo.apiauth.keys import contains_key, hash_key, make_key, matches, parse_key

pytestmark = pytest.mark.pure


def test_made_key_has_the_published_form_and_is_read_back() -> None:
    key = make_key()
    assert re.fullmatch(r"holo_org_[0-9A-Za-z]{36}", key.text)
    assert parse_key(key.text) == key
    assert matches(key, hash_key(key))


def test_one_changed_character_breaks_the_checksum() -> None:
    key = make_key()
    for place in range(5, len(key.text)):
        if key.text[place] != "_":
            other = "a" if key.text[place] != "a" else "b"
            assert parse_key(key.text[:place] + other + key.text[place + 1 :]) is None


@pytest.mark.parametrize(
    "text", ["", "holo_", "holo_a_b", "x" * 45, "holo_org_" + "０" * 36, "holo_live_" + "0" * 36]
)
def test_other_text_is_no_key(text: str) -> None:
    assert parse_key(text) is None


def test_secret_is_not_in_the_representation() -> None:
    key = make_key()
    assert key.text not in repr(key)
    assert key.text[-28:] not in repr(key)


def test_keys_differ() -> None:
    assert len({make_key().text for _ in range(100)}) == 100


def test_key_is_found_in_other_text() -> None:
    assert contains_key(f"token={make_key().text}&x=1")
    assert not contains_key("token=abc")
