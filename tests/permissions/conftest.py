"""The shop of the bad inputs, in a database of the module's own."""

from tests.bad_inputs.conftest import world

__all__ = ["world"]
