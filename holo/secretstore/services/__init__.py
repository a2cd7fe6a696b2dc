"""The commands of this package."""

from holo.common.actor import NOBODY
from holo.secretstore.services.secrets import (
    delete_secret,
    get_secret,
    get_secret_or_raise,
    reseal_some,
    reveal_secret,
    set_secret,
)
from holo.secretstore.services.variables import (
    Imported,
    create_variable,
    delete_variable,
    get_variable,
    import_variables,
    update_variable,
)

__all__ = [
    "NOBODY",
    "Imported",
    "create_variable",
    "delete_secret",
    "delete_variable",
    "get_secret",
    "get_secret_or_raise",
    "get_variable",
    "import_variables",
    "reseal_some",
    "reveal_secret",
    "set_secret",
    "update_variable",
]
