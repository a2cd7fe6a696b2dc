"""Records the replay corpus from a live run: `pytest tests/replay/record.py`, after a change on purpose.

It is no test, so its name keeps it out of the others' runs. Each order is played on the code as it is; a
history that open runs of the last version still follow must stay, under another name.
"""

import json
import re

import pytest

from tests.branches import BRANCHES, child_of
from tests.live import Live, ends
from tests.replay.corpus import HISTORIES, PARCEL
from tests.stories import Shop, build_shop
from tests.workflows.conftest import live, live_relay
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


def keep(name: str, workflow_id: str) -> None:
    """Write a run's history to the corpus."""
    history = json.loads(client.fetch_history(workflow_id=workflow_id))
    text = _IDENTITY.sub(r'\1"recorded"', json.dumps(history, indent=1, sort_keys=True))
    (HISTORIES / f"{name}.json").write_text(text + "\n", encoding="utf-8")
