"""The histories of the domains beside orders replay on their workflows as they are, and on no others."""

import pytest

from tests.branches import payloads_of
from tests.replay.corpus import (
    HISTORIES,
    Mutant,
    failures_of,
    load,
    mutants,
    recorded,
    source_of,
    unentered_blocks,
)
from tests.replay.domains import BRANCHES, DOMAINS
from tests.replay.users import BRANCHES as USER_BRANCHES
from tests.replay.users import MAIL_DOMAIN, NAME, REFERENCE

CORPUS = {domain: recorded(domain) for domain in DOMAINS}
NAMES = {**{domain: set(branches) for domain, branches in BRANCHES.items()}, "users": set(USER_BRANCHES)}
EACH = [(domain, name) for domain, histories in CORPUS.items() for name in histories]
MUTANTS = [(domain, mutant) for domain in DOMAINS for mutant in mutants(source_of(DOMAINS[domain]))]


@pytest.mark.pure
@pytest.mark.parametrize("domain", DOMAINS)
def test_every_branch_has_its_history(domain: str) -> None:
    assert set(CORPUS[domain]) == set(NAMES[domain])


@pytest.mark.pure
@pytest.mark.parametrize(("domain", "name"), EACH)
def test_history_replays(domain: str, name: str) -> None:
    assert failures_of([CORPUS[domain][name]], domain=DOMAINS[domain]) == []


@pytest.mark.pure
@pytest.mark.parametrize("domain", DOMAINS)
def test_every_block_of_the_workflow_is_in_some_history(domain: str) -> None:
    assert unentered_blocks(CORPUS[domain].values(), domain=DOMAINS[domain]) == []


@pytest.mark.parametrize(("domain", "mutant"), MUTANTS, ids=lambda one: getattr(one, "name", one))
def test_workflow_without_a_step_does_not_replay(domain: str, mutant: Mutant) -> None:
    module = load(mutant.tree, name="mutant")
    failures = failures_of(CORPUS[domain].values(), module=module, first_only=True, domain=DOMAINS[domain])
    assert failures != []


PIZZA_CANARIES = ("Bob", "Rue de la Paix", "75002", "Nowhere", "tok_")
# The queue of the worker that recorded has an at sign too, so that one alone says nothing.
USER_CANARIES = (NAME, "Ouyang", REFERENCE, MAIL_DOMAIN, "@example", "@recorded")


@pytest.mark.pure
@pytest.mark.parametrize(
    ("domain", "canary"),
    [
        *(("pizza", canary) for canary in PIZZA_CANARIES),
        *(("users", canary) for canary in USER_CANARIES),
    ],
)
def test_no_history_holds_personal_data(domain: str, canary: str) -> None:
    files = list((HISTORIES / domain).glob("*.json"))
    assert files
    assert [path.name for path in files if canary in payloads_of(path.read_text(encoding="utf-8"))] == []
