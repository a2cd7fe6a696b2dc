"""Finds where rows, runs and the outside world have drifted apart, mends it, and looks again.

What drift there is and how each kind is mended is a domain's own (`Domain.drifts`).
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Literal

from django.db import DatabaseError, InterfaceError, OperationalError
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from holo.common.errors import DomainError
from holo.common.logs import error_text
from holo.common.verify import CouldNotCheckError

# How long what was mended may take to show: a run that was woken acts by itself.
SETTLING = timedelta(seconds=15)
_PAUSE = 0.2
_LONGEST_FAILURE = 300
logger = logging.getLogger(__name__)


class NotMendedError(Exception):
    """This drift needs a person; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One thing that has drifted: its key, what is wrong, and how to mend it.

    `mend` returns what it did; it raises NotMendedError or a DomainError and is safe to repeat.
    """

    key: str
    detail: str
    mend: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """One thing that could not be looked into, and why."""

    key: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftKind:
    """A way to drift; `find` is given the time that what happens by itself may take."""

    name: str
    title: str | Promise
    find: Callable[[timedelta], Iterator[Drift | Unknown]]


State = Literal["found", "mended", "not_mended", "unknown", "failed"]


@dataclass(slots=True, kw_only=True)
class Finding:
    """One line of the report; `note` is what was done, or why not."""

    kind: str
    key: str
    detail: str
    state: State
    note: str = ""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What was found, by kind in the order in which it was looked for."""

    findings: list[Finding] = field(default_factory=list)

    def count(self, *states: State) -> int:
        """Return how many findings are in one of the states."""
        return sum(1 for finding in self.findings if finding.state in states)

    def as_data(self) -> dict[str, object]:
        """Return the outcome as JSON data."""
        return {
            "found": self.count("found", "mended", "not_mended", "failed"),
            "mended": self.count("mended"),
            "unknown": self.count("unknown"),
            "failed": self.count("failed"),
            "findings": [asdict(finding) for finding in self.findings],
        }


def reconcile(
    kinds: Iterable[DriftKind],
    *,
    apply: bool,
    grace: timedelta,
    settling: timedelta = SETTLING,
    progress: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Look for every kind of drift and, with `apply`, mend it and look again whether it is gone."""
    outcome = Outcome()
    kinds = tuple(kinds)
    for kind in kinds:
        progress(str(kind.title))
        for one in _found(kind, grace):
            finding = Finding(kind=kind.name, key=one.key, detail=one.detail, state="found")
            outcome.findings.append(finding)
            if isinstance(one, Unknown):
                finding.state = "unknown"
            elif apply:
                _mend(one, finding)
    if apply:
        _confirm(kinds, outcome, grace, settling)
    return outcome


def _found(kind: DriftKind, grace: timedelta) -> Iterator[Drift | Unknown]:
    try:
        yield from kind.find(grace)
    except (CouldNotCheckError, DomainError) as error:
        yield Unknown(key=kind.name, detail=str(error))
    except (DatabaseError, InterfaceError):
        raise  # without the database, or its tables, nothing can be said of anything
    except Exception as error:  # one kind that fails must not keep the others from being looked at
        logger.exception("reconcile: %s", kind.name)
        yield Unknown(key=kind.name, detail=_failure(error))


def _failure(error: Exception) -> str:
    first_line = error_text(error, _LONGEST_FAILURE).partition("\\n")[0]
    return f"{type(error).__name__}: {first_line}"[:_LONGEST_FAILURE]


def _mend(drift: Drift, finding: Finding) -> None:
    try:
        finding.note = drift.mend()
        finding.state = "mended"
    except (NotMendedError, DomainError) as error:
        finding.note, finding.state = str(error), "not_mended"
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # nor one row the rows behind it
        logger.exception("reconcile: %s %s", finding.kind, finding.key)
        finding.note, finding.state = _failure(error), "failed"


def _confirm(kinds: tuple[DriftKind, ...], outcome: Outcome, grace: timedelta, settling: timedelta) -> None:
    """Wait until what was mended is found no more; what stays is not mended, whatever was done."""
    until = time.monotonic() + settling.total_seconds()
    while left := _still_there(kinds, outcome, grace):
        if time.monotonic() >= until:
            for finding in left:
                finding.state, finding.note = (
                    "not_mended",
                    _("%(done)s; it is still there") % {"done": finding.note},
                )
            return
        time.sleep(_PAUSE)


def _still_there(kinds: tuple[DriftKind, ...], outcome: Outcome, grace: timedelta) -> list[Finding]:
    mended = {(one.kind, one.key): one for one in outcome.findings if one.state == "mended"}
    names = {kind for kind, _key in mended}
    found = ((kind.name, one) for kind in kinds if kind.name in names for one in _found(kind, grace))
    still = {(name, one.key) for name, one in found if isinstance(one, Drift)}
    return [finding for pair, finding in mended.items() if pair in still]
