"""`.env` files: what each line means, and what is refused by its number without showing it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holo.secretstore.dotenv import DotenvError, parse_dotenv

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=1", "1"),
        ("export A=1", "1"),
        ("  A = 1  ", "1"),
        ("A=", ""),
        ("A=# no value", ""),
        ("A=a b # said", "a b"),
        ("A=a#b", "a#b"),
        ("A=postgres://u:p@h/d?x=1", "postgres://u:p@h/d?x=1"),
        ("A=$HOME ${B}", "$HOME ${B}"),
        ("A='  $x \\n # '  # said", "  $x \\n # "),
        ('A=" a \\"b\\" \\n\\t\\$ \\\\ "', ' a "b" \n\t$ \\ '),
        ('A=""', ""),
        ("A=字", "字"),
        ('A="a\\r\\n"', "a\r\n"),
        ("A=e\u0301 \u200b\u2800", "e\u0301 \u200b\u2800"),
        ("A=\u00a0x\u3000", "\u00a0x\u3000"),
        # Only LF and CRLF end a line.
        *((f"A=x{char}C=y", f"x{char}C=y") for char in "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"),
        *((f"A='x{char}C=y'", f"x{char}C=y") for char in "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"),
    ],
)
def test_a_line_means_its_value(line: str, value: str) -> None:
    assert parse_dotenv(f"# said\n\n{line}\nB=2\n") == {"A": value, "B": "2"}


def test_lines_may_end_with_crlf_and_begin_with_a_byte_order_mark() -> None:
    assert parse_dotenv("\ufeffA=1\r\n\r\nB=\"2\"\r\nC=3\r\r\nD='\ufeff'\n") == {
        "A": "1",
        "B": "2",
        "C": "3\r",
        "D": "\ufeff",
    }


@pytest.mark.parametrize("text", ["A=x\r", "\ufeffA=x\r", "B=1\r\nA=x\r"])
def test_a_cr_at_the_very_end_belongs_to_the_value(text: str) -> None:
    assert parse_dotenv(text)["A"] == "x\r"


@pytest.mark.parametrize("char", ["\v", "\f", "\x85", "\u2028", "\u00a0"])
def test_no_other_blank_begins_a_line(char: str) -> None:
    with pytest.raises(DotenvError, match="line 1: a name has letters"):
        parse_dotenv(f"{char}A=1")


@given(st.text(st.characters(exclude_characters="\n'", exclude_categories=["Cs"])))
def test_a_value_in_single_quotes_comes_back_as_it_is(value: str) -> None:
    assert parse_dotenv(f"A=1\nB='{value}'\r\nC=3") == {"A": "1", "B": value, "C": "3"}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("hunter2", "line 2: not NAME=value"),
        ("=hunter2", "line 2: not NAME=value"),
        ("1A=hunter2", "line 2: a name has letters"),
        ("A-B=hunter2", "line 2: a name has letters"),
        ("Ä=hunter2", "line 2: a name has letters"),
        ('A="hunter2', 'line 2: the " is not closed'),
        ('A="a" hunter2', 'line 2: the " is not closed, or something follows it'),
        ("A='hunter2", "line 2: the ' is not closed"),
        ('A="hunter2\\x"', "line 2: an escape that does not exist"),
        ("Z=hunter2", "line 2: Z is there twice"),
        ("A" * 129 + "=hunter2", "line 2: a name has letters"),
    ],
)
def test_a_line_that_does_not_fit_is_told_by_its_number(line: str, says: str) -> None:
    with pytest.raises(DotenvError, match=says) as refusal:
        parse_dotenv(f"Z=1\n{line}\n")
    assert "hunter2" not in str(refusal.value)
