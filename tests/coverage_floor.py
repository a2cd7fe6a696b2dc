"""The coverage of each service, printed before pytest's closing line; one under the floor fails the run.

The total says little about one package: a small service without a test hardly moves it.
"""

import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from coverage import Coverage
from coverage.exceptions import NoDataError

FLOOR = 85.0
# How coverage.py tells a subprocess to measure itself, too.
_FOR_PROCESSES = "COVERAGE_PROCESS_CONFIG"
_ROOT = Path(__file__).resolve().parent.parent
_BASE = ("identity", "apiauth", "secretstore", "apivote", "approvals", "audit", "outbox", "idempotency")
_FOUND = pytest.StashKey[dict[str, float]]()
_TOLD = pytest.StashKey[str | None]()


def services() -> list[str]:
    """Return the folders of the services; each domain of workflows is one."""
    domains = sorted(path.parent.name for path in (_ROOT / "workflows").glob("*/__init__.py"))
    return [
        *(f"holo/{name}" for name in (*_BASE, "common", "stack")),
        *("inventory", "orders", "ledger"),
        *(f"workflows/{name}" for name in domains if name != "management"),
    ]


def measured(coverage: Coverage) -> Iterator[tuple[str, float]]:
    """Yield each service with the percentage of its lines that ran; none of them is 0."""
    for service in services():
        try:
            percent = coverage.report(
                include=[f"{_ROOT}/{service}/*"], file=io.StringIO(), skip_covered=False, show_missing=False
            )
        except NoDataError:
            percent = 0.0
        yield service, percent


def under(found: Mapping[str, float], floor: float = FLOOR) -> list[str]:
    """Return the services that do not reach the floor."""
    return [service for service, percent in found.items() if percent < floor]


def _coverage_of(config: pytest.Config) -> Coverage | None:
    """Return what pytest-cov measured of the whole suite; None for a run that asks for no floor."""
    plugin = config.pluginmanager.get_plugin("_cov")
    if plugin is None or plugin.cov_controller is None or not plugin.options.cov_fail_under:
        return None
    if hasattr(config, "workerinput"):  # the controlling process combines what all of them measured
        return None
    combined: Coverage = plugin.cov_controller.combining_cov or plugin.cov_controller.cov
    return combined


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let processes measure themselves where they are what is tested.

    `manage.py check` takes 2.7 to 3.0 s of processor with it, 1.2 to 1.7 s without.
    """
    for_processes = item.config.stash.setdefault(_TOLD, os.environ.get(_FOR_PROCESSES))
    if for_processes and item.nodeid.startswith("tests/stack/"):
        os.environ[_FOR_PROCESSES] = for_processes
    else:
        os.environ.pop(_FOR_PROCESSES, None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    """Judge once pytest-cov has combined the processes, which it does at the end of the loop."""
    result = yield
    coverage = _coverage_of(session.config)
    if coverage is not None and not session.config.option.collectonly:
        found = dict(measured(coverage))
        session.config.stash[_FOUND] = found
        if under(found):
            session.testsfailed += 1
    return result


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print one line for each service; pytest's closing line stays the last one."""
    found = config.stash.get(_FOUND, {})
    if not found:
        return
    low = under(found)
    terminalreporter.section(f"coverage of each service, at least {FLOOR:.0f} %")
    for service, percent in found.items():
        terminalreporter.write_line(f"{service:<24} {percent:6.2f} %{'  TOO LOW' if service in low else ''}")
