"""`.env` files: what each line means, and what is refused by its number without showing it."""

import pytest

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
    ],
)
def test_a_line_means_its_value(line: str, value: str) -> None:
    assert parse_dotenv(f"# said\n\n{line}\nB=2\n") == {"A": value, "B": "2"}


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
