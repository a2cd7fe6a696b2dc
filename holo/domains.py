"""What an enabled workflow domain adds to the web process by lying in its package: rows and addresses.

A domain is named in ENABLE_DOMAINS alone, so its modules are looked for by name and nothing here imports one.
"""

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings

# Where a package may keep its addresses; see `holo.urls`.
_URLS = ("urls", "api/urls")


def domain_package(entry: str) -> str:
    """Return the package that an entry of ENABLE_DOMAINS means: a short name lies in `workflows`."""
    return entry if "." in entry else f"workflows.{entry}"


def domain_apps(entries: Iterable[str]) -> list[str]:
    """Return the packages that are Django apps, with rows of their own."""
    packages = [domain_package(entry) for entry in entries if entry]
    return [package for package in packages if _holds(package, "apps")]


def domain_urls(entries: Iterable[str]) -> list[str]:
    """Return the modules with the addresses of the domains, which are served under `/api/v1/`."""
    packages = [domain_package(entry) for entry in entries if entry]
    return [
        f"{package}.{name.replace('/', '.')}"
        for package in packages
        for name in _URLS
        if _holds(package, name)
    ]


def domain_queues(entries: Iterable[str]) -> dict[str, str]:
    """Import the domains and return the queue of each by its name; raises ImportError."""
    queues = {}
    for package in (domain_package(entry) for entry in entries if entry):
        domain = getattr(import_module(f"{package}.domain"), "DOMAIN", None)
        if domain is None:
            raise ImportError(f"{package}.domain defines no DOMAIN")
        queues[domain.name] = settings.TASK_QUEUES.get(domain.name, domain.task_queue)
    return queues


def _holds(package: str, name: str) -> bool:
    """Tell whether a package has a module without importing it; of one that is missing the registry tells."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return False
    folders = (spec.submodule_search_locations or ()) if spec else ()
    return any(Path(folder, f"{name}.py").is_file() for folder in folders)
