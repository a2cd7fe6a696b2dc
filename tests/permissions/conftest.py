"""The shop of the bad inputs, in a database of the module's own."""

from tests.bad_inputs.conftest import module_database, world

__all__ = ["module_database", "world"]
