"""`verify` over the rows: an honest database is clean, and each planted violation is named by its id."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from holo.common.verify import Invariant, invariants
from tests.conftest import OwnerAccess
from tests.verify.conftest import Story, run
from tests.verify.plants import PLANTS
from workflows.runtime.registry import enabled_domains

# All but I19, which needs Temporal.
ROWS = "I01,I02,I03,I04,I05,I06,I07,I08,I14,I15,I16,I17,I18,I21,I22,I23,I24,I25,I26,I27,I32,I33"


def all_invariants() -> Iterator[Invariant]:
    yield from invariants(tuple(rule for domain in enabled_domains() for rule in domain.rules))


def test_honest_database_is_clean(told: OwnerAccess) -> None:
    answer = run("verify", "--only", ROWS)
    assert answer.violated() == set()
    assert (answer.code, answer.data["clean"]) == (0, True)


@pytest.mark.parametrize(
    ("sql", "broken"), [plant[1:] for plant in PLANTS], ids=[plant[0].replace(" ", "_") for plant in PLANTS]
)
def test_planted_violation_is_named(told: OwnerAccess, story: Story, sql: str, broken: set[str]) -> None:
    told.execute(sql.format(**story.ids))
    answer = run("verify", "--only", ROWS)
    assert answer.violated() == broken
    assert answer.code == 3
    for one in answer.data["invariants"]:
        if one["id"] in broken:
            assert one["count"] >= len(one["keys"]) > 0
            assert all(checked["sql"] for checked in one["checked"])


def test_every_invariant_has_a_plant() -> None:
    planted = set().union(*(broken for _, _, broken in PLANTS))
    assert {one.id for one in all_invariants()} - {"I19"} == planted == set(ROWS.split(","))


def test_many_offenders_are_counted_and_ten_are_shown(told: OwnerAccess) -> None:
    told.execute("UPDATE outbox_outboxmessage SET created_at = now() - interval '61 s'")
    (report,) = run("verify", "--only", "i27").data["invariants"]
    assert report["count"] > len(report["keys"]) == 10


def test_what_cannot_be_read_is_not_passed(told: OwnerAccess) -> None:
    """The others are checked all the same; the exit code says that not all was seen."""
    told.execute("ALTER TABLE orders_payment RENAME TO gone")
    answer = run("verify", "--only", "I01,I21")
    verdicts = {one["id"]: one["verdict"] for one in answer.data["invariants"]}
    assert (answer.code, verdicts) == (1, {"I01": "ok", "I21": "unchecked"})


def test_books_of_a_foreign_gateway_are_not_passed(told: OwnerAccess) -> None:
    """A process of its own: which books there are is settled when the rules are loaded."""
    answer = subprocess.run(
        [sys.executable, "manage.py", "verify", "--only", "I22", "--json"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DEBUG": "1", "PAYMENT_GATEWAY": "elsewhere.Gateway"},
        capture_output=True,
        text=True,
        check=False,
    )
    (report,) = json.loads(answer.stdout)["invariants"]
    assert (answer.returncode, report["verdict"]) == (1, "unchecked")
    assert "elsewhere.Gateway" in report["reason"]


def test_text_names_what_was_broken_and_how_it_was_looked_for(told: OwnerAccess) -> None:
    told.execute("UPDATE inventory_stocklevel SET reserved = reserved + 1")
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("verify", "--only", "I01,I03", stdout=out)
    sound, broken, *details = out.getvalue().splitlines()
    assert end.value.code == 3
    assert sound.split()[:3] == ["I01", "ok", "0"]
    assert broken.split()[:2] == ["I03", "VIOLATED"]
    assert any("stock level" in line for line in details)
    assert any("checked: SELECT" in line for line in details)


def test_unknown_id_is_bad_input(told: OwnerAccess) -> None:
    with pytest.raises(CommandError) as raised:
        run("verify", "--only", "I03,I99")
    assert raised.value.returncode == 2
    assert "I99" in str(raised.value)
