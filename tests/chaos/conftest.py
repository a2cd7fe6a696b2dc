"""What the tests that break things share: a relay, perhaps a worker, and a database of the module's own."""

from tests.workflows.conftest import live, live_relay

__all__ = ["live", "live_relay"]
