"""Groups that the product needs: each app names its own, and the admin keeps them as they are."""

from collections.abc import Callable, Iterable

from django.contrib.auth.models import Permission

# What the product gives each group whenever the database is migrated.
_BUILT_IN: dict[str, Callable[[str], Iterable[Permission]]] = {}


def register_built_in_groups(*names: str, given: Callable[[str], Iterable[Permission]]) -> None:
    """Say which groups the product does not work without; `given` returns the permissions of one of them."""
    _BUILT_IN.update(dict.fromkeys(names, given))


def is_built_in_group(name: str) -> bool:
    """Tell whether the product needs the group of this name."""
    return name in _BUILT_IN


def built_in_permissions(name: str) -> set[Permission]:
    """Return the permissions that a group always has; none for a group of one's own."""
    return set(_BUILT_IN[name](name)) if name in _BUILT_IN else set()
