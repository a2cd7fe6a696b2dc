"""What an enabled workflow domain adds to the web process by lying in its package: rows and addresses.

A domain is named in ENABLE_DOMAINS alone, so its modules are looked for by name and nothing here imports one.
"""

from collections.abc import Iterable
from importlib.util import find_spec

# Where a package may keep its addresses; see `holo.urls`.
_URLS = ("urls", "api.urls")


def domain_package(entry: str) -> str:
    """Return the package that an entry of ENABLE_DOMAINS means: a short name lies in `workflows`."""
    return entry if "." in entry else f"workflows.{entry}"


def domain_apps(entries: Iterable[str]) -> list[str]:
    """Return the packages that are Django apps, with rows of their own."""
    packages = [domain_package(entry) for entry in entries if entry]
    return [package for package in packages if _exists(f"{package}.apps")]


def domain_urls(entries: Iterable[str]) -> list[str]:
    """Return the modules with the addresses of the domains, which are served under `/api/v1/`."""
    packages = [domain_package(entry) for entry in entries if entry]
    return [path for package in packages for name in _URLS if _exists(path := f"{package}.{name}")]


def _exists(module: str) -> bool:
    """Tell whether there is such a module; a package that is missing is told of by the registry."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
