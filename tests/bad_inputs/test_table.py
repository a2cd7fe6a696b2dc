"""The table itself: which ids it has, and that it shows every code the product can answer with."""

import re

import pytest

from holo.common.error_catalogue import list_errors
from holo.common.errors import error_table
from tests.bad_inputs.cases import TABLE, shown_by

pytestmark = pytest.mark.pure

# What the product has no such input for, or shows in tests of its own.
_NOT_HERE = {
    "A16",  # one currency, and no field for it
    "A25",  # lines of one SKU are added up; too few or too many are there
    "A32",  # what is not stored under a key: tests/api/test_commands.py
    "A34",  # refunds are the process's own
    "A43",  # no webhooks
    "A44",
}


def test_every_code_is_shown_by_a_case() -> None:
    assert {entry.code for entry in list_errors()} == set(shown_by())


def test_every_code_is_defined_where_the_table_looks() -> None:
    """Elsewhere it would be known in some processes only."""
    list_errors()
    found = {
        error.__module__ for error in error_table().values() if not error.__module__.startswith("tests.")
    }
    odd = {name for name in found if not name.endswith(".errors") and not name.startswith("tests.")}
    assert odd == {"holo.common.money"}


def test_every_id_of_the_list_has_a_row() -> None:
    ids = {row.id for row in TABLE} | {"A37"} | {"L07", "L08"} | {"E06", "E07", "E08", "E09"}
    wanted = {f"A{number:02}" for number in range(1, 48)} - _NOT_HERE
    wanted |= {f"D{number:02}" for number in range(1, 14)}
    wanted |= {f"L{number:02}" for number in range(1, 13)}
    wanted |= {f"E{number:02}" for number in range(1, 11)}
    assert wanted - ids == set()


def test_ids_and_descriptions_are_well_formed() -> None:
    for row in TABLE:
        assert re.fullmatch(r"[ADELR]\d\d", row.id), row
        assert row.what
