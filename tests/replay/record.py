"""Records the replay corpus from a live run: `pytest tests/replay/record.py`, after a change on purpose.

It is no test, so its name keeps it out of the others' runs. Each order is played on the code as it is; a
history that open runs of the last version still follow must stay, under another name.
"""

import json
import re
from collections.abc import Iterator

import pytest

from holo.stack.temporal_server import TemporalServer
from tests.branches import BRANCHES, child_of
from tests.identity.people import build_team
from tests.live import Live, ends
from tests.replay.corpus import HISTORIES, PARCEL
from tests.replay.domains import BRANCHES as DOMAIN_BRANCHES
from tests.replay.domains import DOMAINS
from tests.replay.users import BRANCHES as USER_BRANCHES
from tests.stories import Shop, build_shop
from tests.workflows.conftest import live, live_relay
from tests.workflows.pizza import Kitchen, open_kitchen
from tests.workflows.serving import serving
from workflows.orders.contracts import order_workflow_id
from workflows.runtime import client

__all__ = ["live", "live_relay"]
# Who ran it is no matter, and host names are not for everybody.
_IDENTITY = re.compile(r'("identity": )"[^"]*"')


@pytest.fixture
def shop(live: Live) -> Shop:
    """A shop with relay and worker running."""
    return build_shop(stock=100)


@pytest.mark.parametrize("name", BRANCHES)
def test_record(name: str, shop: Shop) -> None:
    branch = BRANCHES[name]
    order = branch.play(shop)
    ends(order, branch.end, within=60)
    keep(name, order_workflow_id(order.pk))
    if name == "two-parcels":
        keep(PARCEL, child_of(order))


@pytest.fixture(scope="module")
def kitchen(temporal: TemporalServer) -> Iterator[Kitchen]:
    """The domains beside orders, served."""
    client.close()
    with open_kitchen() as kitchen, serving(DOMAINS["hello"]):
        yield kitchen
    client.close()


@pytest.mark.parametrize(
    ("domain", "name"), [(domain, name) for domain, branches in DOMAIN_BRANCHES.items() for name in branches]
)
def test_record_domain(domain: str, name: str, kitchen: Kitchen) -> None:
    kitchen.failing.clear()
    (HISTORIES / domain).mkdir(exist_ok=True)
    keep(f"{domain}/{name}", DOMAIN_BRANCHES[domain][name](kitchen))


@pytest.mark.parametrize("name", USER_BRANCHES)
def test_record_user(name: str, live: Live) -> None:
    (HISTORIES / "users").mkdir(exist_ok=True)
    workflow_id = USER_BRANCHES[name](build_team())
    keep(f"users/{name}", workflow_id)
    found = client.find_workflow(workflow_id=workflow_id)
    if found is not None and found.status == "RUNNING":
        client.terminate_workflow(workflow_id=workflow_id, reason="recorded")


def keep(name: str, workflow_id: str) -> None:
    """Write a run's history to the corpus."""
    history = json.loads(client.fetch_history(workflow_id=workflow_id))
    text = _IDENTITY.sub(r'\1"recorded"', json.dumps(history, indent=1, sort_keys=True))
    (HISTORIES / f"{name}.json").write_text(text + "\n", encoding="utf-8")
