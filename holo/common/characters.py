"""Which characters a text may have: one rule for every field, and one form in which texts are compared.

A text may have every character except controls, line separators, surrogates, noncharacters, and those that
show nothing. The ranges are written down here because the tables of Python's `unicodedata` are older than
the scripts and emoji in use: a character that is unassigned there is accepted.

Three kinds of invisible character do show something in the right place: joiners in emoji and between letters
of scripts that are written with them, variation selectors after an emoji or an ideograph, and the tags of
three flags. Names and free text may have them there (`joiners`), identifiers may not.
"""

import json
import re
import unicodedata

from django.utils.translation import gettext as _

# Unicode 16, DerivedCoreProperties.txt, Default_Ignorable_Code_Point; unassigned ones are reserved for it.
_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Blank glyphs (Braille, Khitan filler, null notehead, of hieroglyphs), annotation marks, the place of an
# object, which most fonts leave blank, layout controls of hieroglyphs.
_BLANK = "\u2800\U00016fe4\U0001d159\ufff9-\ufffc\U00013430-\U0001343f\U00013441\U00013442"
_INVISIBLE = _IGNORABLE + _BLANK
_CONTROLS = "\x00-\x1f\x7f-\x9f\u2028\u2029"
_SURROGATES = "\ud800-\udfff"
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(17)
)

_UNFIT = re.compile(f"[{_CONTROLS}{_SURROGATES}{_NONCHARACTERS}{_INVISIBLE}]")
_CONTROL = re.compile(f"[{_CONTROLS}]")
_UNSEEN = re.compile(f"[{_INVISIBLE}]")
_SHOWN = re.compile(rf"[^\s{_CONTROLS}{_INVISIBLE}]")

_EMOJI = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f"
    "\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001fbff]"
)
_IDEOGRAPH = "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_VIRAMA = "[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca]"
# Arabic to N'Ko, the scripts of South and South-East Asia, Mongolian, Hanifi Rohingya, Adlam.
_JOINED = (
    "[\u0620-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17b3\u17b6-\u17ff\u1820-\u18af\u1a20-\u1aaf"
    "\u1b00-\u1bff\ua8e0-\ua8ff\ua980-\uaaff\ufb50-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc\U00010d00-\U00010d3f"
    "\U00011000-\U00011fff\U0001e900-\U0001e95f]"
)
_MOST_MARKS = 100
_FLAGS = "|".join(
    "".join(chr(0xE0000 + ord(letter)) for letter in name) + "\U000e007f"
    for name in ("gbeng", "gbsct", "gbwls")
)
# Invisible characters in a place where they change what is shown.
_EFFECTIVE = re.compile(
    rf"(?<={_EMOJI})[\ufe0e\ufe0f]"
    rf"|(?<=[0-9#*])\ufe0f(?=\u20e3)"
    rf"|(?:(?<={_EMOJI})|(?<={_EMOJI}\ufe0f))\u200d(?={_EMOJI})"
    rf"|(?<=\U0001f3f4)(?:{_FLAGS})"
    rf"|(?<={_IDEOGRAPH})[\U000e0100-\U000e01ef]"
    rf"|(?<=[\u1820-\u18aa])[\u180b-\u180d\u180f]"
    rf"|(?<={_JOINED})[\u200c\u200d](?={_JOINED})"
    rf"|(?<=[^\W_])\u200c(?={_JOINED})"
    rf"|(?<={_VIRAMA})[\u200c\u200d]"
)


def normal(text: str) -> str:
    """Return the form in which texts are stored and compared: Unicode NFC, lines ended by LF.

    Whatever looks something up (a filter, a search, a path, a command) compares this form.
    """
    text = text.replace("\r\n", "\n")
    # Marks are put in order in the square of how many follow each other: minutes for a body full.
    return text if _floods(text) else unicodedata.normalize("NFC", text)


def _floods(text: str) -> bool:
    """Tell whether more marks follow each other than in any language; Unicode's stream-safe form has 30."""
    if len(text) <= _MOST_MARKS or text.isascii():
        return False
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks > _MOST_MARKS:
            return True
    return False


def normal_email(text: str) -> str:
    """Return the form in which e-mail addresses are stored and compared: also in lower case, trimmed."""
    return normal(normal(text).strip().lower())


def describe_unfit(text: str, *, joiners: bool = False, lines: bool = False) -> str:
    """Return what is wrong with the first character that the text may not have; empty if there is none.

    `joiners` allows invisible characters where they show something, `lines` tabs and line breaks.
    """
    effective = {place for found in _EFFECTIVE.finditer(text) for place in range(*found.span())}
    for found in _UNFIT.finditer(text):
        place, char = found.start(), found[0]
        if lines and (char in "\n\t" or text.startswith("\r\n", place)):
            continue
        if joiners and place in effective:
            continue
        return _described(char, place + 1)
    return ""


def holds_control(text: str) -> bool:
    """Tell whether a text has a control character or a line separator."""
    return _CONTROL.search(text) is not None


def shows_nothing(text: str) -> bool:
    """Tell whether a text consists of blanks and invisible characters alone."""
    return _SHOWN.search(text) is None


def without_unfit(text: str) -> str:
    """Return the text without the characters that no field accepts: for texts of other systems."""
    return _UNFIT.sub("", text)


def escaped(text: str) -> str:
    r"""Return the text in one visible line: what no field accepts becomes `\xNN`, `\uNNNN`, `\UNNNNNNNN`."""
    return _UNFIT.sub(_escape, text)


def json_escaped(text: str) -> str:
    r"""Return a JSON text that says the same, with `\uNNNN` for what no field accepts and JSON leaves raw."""
    return _UNFIT.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    if char in named:
        return named[char]
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _described(char: str, position: int) -> str:
    shown = {"character": f"U+{ord(char):04X}", "position": position}
    if _CONTROL.match(char):
        return _("%(character)s at position %(position)d is a control character; leave it out") % shown
    if _UNSEEN.match(char):
        return _("%(character)s at position %(position)d is invisible here; leave it out") % shown
    return _("%(character)s at position %(position)d is not a character; leave it out") % shown
