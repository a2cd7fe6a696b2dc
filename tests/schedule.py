"""Which process runs which tests, and in which order, under `pytest -n 3`.

A file stays in one process, so that its module's fixtures are made once; all browser journeys stay in one, so
that one browser serves the run. The long files come first and the short ones last, so that all processes end
at about the same time. Without `-n` the order is the same.
"""

import gc
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

# The longest folders, and the files of other folders that take longer than most folders.
_FIRST = (
    *("tests/browser", "tests/web", "tests/docs", "tests/workflows", "tests/chaos", "tests/stack"),
    "tests/bad_inputs",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the long folders first; a run in random order stays as it is."""
    if not getattr(config.option, "random_order_enabled", False):
        items.sort(key=_rank)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the files without a pure test alone where only pure tests run."""
    if config.option.markexpr != "pure" or collection_path.suffix != ".py":
        return None
    return None if "mark.pure" in collection_path.read_text(encoding="utf-8") else True


def pytest_sessionstart() -> None:
    """Collect no garbage while tests are collected: nearly all that is made then stays to the end."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Keep the garbage collector off what the collection made."""
    gc.freeze()
    gc.enable()


def _rank(item: pytest.Item) -> int:
    folder = "/".join(item.nodeid.split("/")[:2])
    return _FIRST.index(folder) if folder in _FIRST else len(_FIRST)


def scope_of(nodeid: str) -> str:
    """Return what stays in one process: a file, or the folder of the browser journeys."""
    path = PurePosixPath(nodeid.partition("::")[0])
    return str(path.parent if path.parent.name == "browser" else path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share out the tests by `scope_of`, in the order in which they were collected."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return scope_of(nodeid)

    config.option.loadscopereorder = False
    return Scheduling(config, log)
