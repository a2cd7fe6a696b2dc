"""Invariants: what holds of the rows at every moment, and how each is looked into.

Each app states its rules in its own `verify.py`; rules of one id make one invariant together. A rule names
what breaks it and judges nothing else: work in flight is not a violation.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from itertools import chain
from typing import Literal

from django.db import DatabaseError
from django.utils.functional import Promise
from django.utils.module_loading import autodiscover_modules

from holo.common.db import contained, stream

SHOWN_KEYS = 10
GRACE = timedelta(seconds=60)


class CouldNotCheckError(Exception):
    """What a rule looks at was not all there to be seen, so it says neither yes nor no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One sentence that is always true, with how to find what breaks it.

    `sql` answers one text column: the key of each offending row, with what is wrong about it; it may use
    `%(grace)s`, the seconds that what happens by itself may take, beside its own `parameters`. A rule that
    SQL cannot tell has `find` instead (given the grace) and says in `sql` how it looks. One with `live`
    reads what is now, not the snapshot of the others, because it compares with another store.
    """

    id: str
    statement: str | Promise
    sql: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    find: Callable[[timedelta], Iterator[str]] | None = None
    live: bool = False

    def offenders(self, grace: timedelta) -> Iterator[str]:
        """Yield the key of each thing that breaks the rule."""
        if self.find is not None:
            yield from self.find(grace)
            return
        parameters = {**self.parameters, "grace": grace.total_seconds()}
        for (key,) in stream(self.sql, parameters):
            yield str(key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """All rules of one id."""

    id: str
    rules: tuple[Rule, ...]

    @property
    def statement(self) -> str:
        """The rules' sentences."""
        return " ".join(str(rule.statement) for rule in self.rules)

    @property
    def live(self) -> bool:
        """Whether it must be looked at outside the snapshot."""
        return any(rule.live for rule in self.rules)


Verdict = Literal["ok", "violated", "unchecked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a rule looked at: its sentence and its SQL, or in words how it looked."""

    statement: str
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How one invariant stands: `keys` are the first few of `count`, `reason` why it was not checked."""

    id: str
    verdict: Verdict
    count: int
    keys: tuple[str, ...]
    checked: tuple[Checked, ...]
    reason: str = ""

    def as_data(self) -> dict[str, object]:
        """Return the report as JSON data."""
        return asdict(self)


_RULES: dict[str, dict[tuple[str, str], Rule]] = {}


def register(*rules: Rule) -> None:
    """Add rules; the same one again changes nothing."""
    for rule in rules:
        _RULES.setdefault(rule.id, {})[str(rule.statement), rule.sql] = rule


def invariants(further: tuple[Rule, ...] = ()) -> tuple[Invariant, ...]:
    """Return the invariants of all installed apps, and of the `further` rules, by id."""
    autodiscover_modules("verify")
    by_id = {number: tuple(rules.values()) for number, rules in _RULES.items()}
    for rule in further:
        by_id[rule.id] = (*by_id.get(rule.id, ()), rule)
    return tuple(Invariant(id=number, rules=by_id[number]) for number in sorted(by_id))


def examine(invariant: Invariant, *, grace: timedelta = GRACE) -> Report:
    """Look for offenders of one invariant, counting all and keeping the first few."""
    try:
        # Live rules talk to other servers; no transaction stays open meanwhile.
        with nullcontext() if invariant.live else contained():
            count, keys = _count(invariant, grace)
    except (CouldNotCheckError, DatabaseError) as error:
        return _report(invariant, "unchecked", 0, (), reason=_first_line(error))
    return _report(invariant, "violated" if count else "ok", count, keys)


def _count(invariant: Invariant, grace: timedelta) -> tuple[int, tuple[str, ...]]:
    keys: list[str] = []
    count = 0
    for key in chain.from_iterable(rule.offenders(grace) for rule in invariant.rules):
        count += 1
        if count <= SHOWN_KEYS:
            keys.append(key)
    return count, tuple(keys)


def _report(
    invariant: Invariant, verdict: Verdict, count: int, keys: tuple[str, ...], *, reason: str = ""
) -> Report:
    checked = tuple(
        Checked(statement=str(rule.statement), sql=" ".join(rule.sql.split())) for rule in invariant.rules
    )
    return Report(id=invariant.id, verdict=verdict, count=count, keys=keys, checked=checked, reason=reason)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
