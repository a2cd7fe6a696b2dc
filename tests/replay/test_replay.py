"""The recorded histories replay on the workflow as it is, and on no other."""

import pytest

from tests.branches import BRANCHES, payloads_of
from tests.replay.corpus import (
    HISTORIES,
    PARCEL,
    Mutant,
    failures_of,
    load,
    mutants,
    recorded,
    unentered_blocks,
)
from workflows.orders.contracts import Activity

CORPUS = recorded()
# Of the version before ADR 0024, whose runs may still be open.
FORMER = recorded("reserved-later")
LIMIT, LIMIT_WITH_APPROVAL = 100, 200
MUTANTS = list(mutants())


@pytest.mark.pure
def test_every_branch_has_its_history() -> None:
    assert set(CORPUS) == {*BRANCHES, PARCEL}


@pytest.mark.pure
@pytest.mark.parametrize("name", CORPUS)
def test_history_replays(name: str) -> None:
    assert failures_of([CORPUS[name]]) == []


@pytest.mark.pure
@pytest.mark.parametrize("name", FORMER)
def test_history_of_a_run_that_reserved_the_stock_itself_replays(name: str) -> None:
    assert failures_of([FORMER[name]]) == []


@pytest.mark.pure
def test_every_block_of_the_workflow_is_in_some_history() -> None:
    assert unentered_blocks(CORPUS.values()) == []


@pytest.mark.pure
def test_control_one_history_alone_leaves_blocks_out() -> None:
    assert len(unentered_blocks([CORPUS["paid"]])) > 10


@pytest.mark.pure
def test_every_activity_is_in_some_history() -> None:
    names = {value for name, value in vars(Activity).items() if name.isupper()}
    texts = [payloads_of(path.read_text(encoding="utf-8")) for path in HISTORIES.glob("*.json")]
    assert {name for name in names if not any(f'"{name}"' in text for text in texts)} == set()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_workflow_without_a_step_does_not_replay(mutant: Mutant) -> None:
    """The control: whoever changes the process is told. Not in `make check`, of which it took six seconds."""
    module = load(mutant.tree, name="mutant")
    assert failures_of(CORPUS.values(), module=module, first_only=True) != []


@pytest.mark.pure
def test_histories_stay_short() -> None:
    lengths = {name: len(history.events) for name, history in CORPUS.items()}
    limits = {name: LIMIT_WITH_APPROVAL if _has_approval(name) else LIMIT for name in lengths}
    assert {name: length for name, length in lengths.items() if length > limits[name]} == {}


def _has_approval(name: str) -> bool:
    text = (HISTORIES / f"{name}.json").read_text(encoding="utf-8")
    return Activity.SETTLE_APPROVAL in payloads_of(text)


@pytest.mark.pure
def test_control_payloads_are_searched_decoded() -> None:
    text = (HISTORIES / "paid.json").read_text(encoding="utf-8")
    assert "awaiting_payment" not in text
    assert "awaiting_payment" in payloads_of(text)


@pytest.mark.pure
@pytest.mark.parametrize("canary", ["Li Wei", "Xi'an", "example.com", "Mrs Zhang", "tok_", "SO-20"])
def test_no_history_holds_personal_data(canary: str) -> None:
    """Names, addresses, reasons and tokens of the recorded orders have not left the database."""
    found = [
        path.name
        for path in HISTORIES.glob("*.json")
        if canary in payloads_of(path.read_text(encoding="utf-8"))
    ]
    assert found == []
