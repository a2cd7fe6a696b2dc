"""Groups that the product needs: each app names its own, and the admin keeps them as they are called."""

_BUILT_IN: set[str] = set()


def register_built_in_groups(*names: str) -> None:
    """Say which groups the product does not work without."""
    _BUILT_IN.update(names)


def is_built_in_group(name: str) -> bool:
    """Tell whether the product needs the group of this name."""
    return name in _BUILT_IN
