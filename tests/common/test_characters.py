"""The characters of texts: one rule for the API, forms and commands, for every code point there is."""

import unicodedata
from collections.abc import Callable

import pytest
from django import forms
from rest_framework import serializers

from holo.common.api import fields
from holo.common.characters import describe_unfit, escaped, normal, normal_email, without_unfit
from holo.common.errors import InvalidError
from holo.common.text_field import PlainTextField
from holo.common.texts import clean_text

pytestmark = pytest.mark.pure

# Unicode 15 to 16: scripts and emoji that Python's tables do not know.
NEW = (
    *("\U0001fae8", "\U0001fa77", "\U0001fadc", "\U0001fae9", "\U00011f04", "\U0001e4d0", "\U000105c0"),
    *("\U00010d40", "\U00016d40", "\U00011380", "\U0001e5d0", "\u1c89", "\U000323b0"),
)
EMOJI = (
    *("\u2764\ufe0f", "\U0001f469\u200d\U0001f4bb", "\U0001f642\u200d\u2194\ufe0f", "1\ufe0f\u20e3"),
    *(
        "\U0001f426\u200d\U0001f525",
        "\U0001f3f3\ufe0f\u200d\U0001f308",
        "\U0001f469\U0001f3fd\u200d\U0001f680",
    ),
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
)
JOINED = (
    *(
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "PDF\u200c\u0647\u0627",
        "\u0d9a\u0dca\u200d\u0dbb",
    ),
    *("\u0915\u094d\u200d", "\u09b0\u200d\u09cd\u09af", "\u845b\U000e0100\u57ce", "\u182a\u180b"),
)
INVISIBLE = (
    *("\u3164", "\u2800", "\u034f", "\ufe0f", "\ufe00", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff"),
    *("\u202e", "\u2066", "\u200e", "\u061c", "\u00ad", "\u115f", "\u1160", "\uffa0", "\u17b4", "\u180e"),
    *("\ufffc", "\U00013441", "\U00013442"),
    *("\U000e0001", "\U000e0041", "\U000e0100", "\U000e0fff", "\ufff0", "\u2065", "\U0001d159", "\U0001d173"),
)
CONTROLS = ("\x00", "\x07", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u2029")
NONE_SUCH = ("\ufdd0", "\ufffe", "\uffff", "\U0001fffe", "\U0010ffff", "\ud800", "\udfff")


def by_api(field: fields.TextField) -> Callable[[str], str]:
    def read(text: str) -> str:
        try:
            return str(field.run_validation(text))
        except serializers.ValidationError as error:
            raise ValueError(str(error.detail)) from None

    return read


def by_form(field: forms.Field) -> Callable[[str], str]:
    def read(text: str) -> str:
        try:
            return str(field.clean(text))
        except forms.ValidationError as error:
            raise ValueError(str(error.messages)) from None

    return read


def by_command(*, joiners: bool) -> Callable[[str], str]:
    def read(text: str) -> str:
        try:
            return clean_text(text, field="x", longest=100, joiners=joiners)
        except InvalidError as error:
            raise ValueError(error.message) from None

    return read


NAMES = {
    "text of the API": by_api(fields.TextField()),
    "name of the API": by_api(fields.DisplayNameField()),
    "form": by_form(PlainTextField()),
    "reason": by_form(PlainTextField(widget=forms.Textarea)),
    "command": by_command(joiners=True),
}
IDENTIFIERS = {
    "identifier of the API": by_api(fields.IdentifierField()),
    "form": by_form(PlainTextField(joiners=False)),
    "command": by_command(joiners=False),
}
ALL = [*NAMES.items(), *((f"identifier: {name}", read) for name, read in IDENTIFIERS.items())]
EVERY_ENTRY = pytest.mark.parametrize(
    "read", [read for _name, read in ALL], ids=[name for name, _read in ALL]
)


@EVERY_ENTRY
@pytest.mark.parametrize("char", [*INVISIBLE, *CONTROLS, *NONE_SUCH], ids=ascii)
def test_a_character_that_no_field_takes_is_named_with_its_position(
    read: Callable[[str], str], char: str
) -> None:
    with pytest.raises(ValueError, match=rf"U\+{ord(char):04X} at position 2"):
        read(f"a{char}b")


@EVERY_ENTRY
@pytest.mark.parametrize(
    "text", [*NEW, "\ue000", "\u0600", "\u0378", "\U000e1000", "ß", "字", "\U0001f600"], ids=ascii
)
def test_characters_of_every_age_are_taken_everywhere(read: Callable[[str], str], text: str) -> None:
    assert read(f"a {text}") == f"a {text}"


@pytest.mark.parametrize("text", [*EMOJI, *JOINED], ids=ascii)
def test_joiners_are_taken_where_they_show_in_names_and_not_in_identifiers(text: str) -> None:
    for name, read in NAMES.items():
        assert read(f"a {text}") == f"a {text}", name
    for name, read in IDENTIFIERS.items():
        with pytest.raises(ValueError, match="is invisible here"):
            read(f"a {text}")
        assert name


@EVERY_ENTRY
@pytest.mark.parametrize(
    "text", [" ", "\u3000\u00a0", "\u2800", "\u3164\u3164", "\ufe0f", "\u200d"], ids=ascii
)
def test_a_text_that_shows_nothing_is_refused(read: Callable[[str], str], text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(text)


def test_every_code_point_falls_under_the_rule() -> None:
    """By Python's tables, as far as they go: controls, separators, format characters, marks of variation."""
    shown = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    also = {0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x16FE4, 0x1D159, 0x180F}
    also |= {
        *range(0x180B, 0x180E),
        *range(0xFE00, 0xFE10),
        *range(0xE0000, 0xE1000),
        0x2065,
        *range(0xFFF0, 0xFFF9),
    }
    also |= {*range(0xFDD0, 0xFDF0), *range(0x13439, 0x13440), 0xFFFC, 0x13441, 0x13442}
    for code in range(0x110000):
        kind = unicodedata.category(chr(code))
        hidden = kind in ("Cc", "Cs", "Zl", "Zp") or (kind == "Cf" and code not in shown)
        expected = hidden or code in also or code & 0xFFFE == 0xFFFE
        assert bool(describe_unfit(chr(code))) == expected, hex(code)


def test_lines_and_tabs_are_taken_where_a_text_has_lines() -> None:
    assert describe_unfit("a\r\nb\tc\n", lines=True) == ""
    assert "U+000D at position 2" in describe_unfit("a\rb", lines=True)
    assert "U+000A at position 2" in describe_unfit("a\nb")
    assert normal("e\u0301\r\nb") == "é\nb"


def test_addresses_have_one_form() -> None:
    assert normal_email(" Ann@BU\u0308CHER.example ") == "ann@bücher.example"


def test_what_goes_to_a_terminal_or_a_column_has_no_such_character() -> None:
    text = "a\r\n\x1b[0m\u202e\u2028\x9b\ud800\U000e0041b"
    assert escaped(text) == r"a\r\n\x1b[0m\u202e\u2028\x9b\ud800\U000e0041b"
    assert without_unfit(text) == "a[0mb"
