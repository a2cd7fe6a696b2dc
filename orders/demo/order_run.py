"""One order on its way through a scenario: the verbs that scenarios are written in, and the verdict."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from orders.demo.answers import Entry, OrderView
from orders.demo.client import ApiClient, ApiError
from orders.demo.stock import Problem, Stock, compare_stock, on_hand_of, reserved_of

# The first order may have to wait until a worker has started.
_STEP_SECONDS = 60.0


class Narrator(Protocol):
    """Whoever tells what happens; `seconds` count from the placing of the order."""

    def tell_entry(self, entry: Entry, seconds: float) -> None:
        """Something that the order's process did."""
        ...

    def tell_action(self, text: str, seconds: float) -> None:
        """Something that a client or a person did."""
        ...


class UnexpectedError(Exception):
    """The order did something else; it carries what was expected."""

    def __init__(self, what: str, *, expected: str, actual: str) -> None:
        super().__init__(what)
        self.problem = Problem(what=what, expected=expected, actual=actual)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One order. `path` are its statuses in order; `kinds` must be among its events; `act` is what people do.

    `warehouses` are those it must be shipped from, by a parcel each; empty where nothing may leave.
    """

    key: str
    title: str | Promise
    items: Sequence[str]
    path: tuple[str, ...]
    act: "Callable[[OrderRun], None]"
    reason: str = ""
    kinds: frozenset[str] = frozenset()
    payments: tuple[str, ...] = ()
    warehouses: frozenset[str] = frozenset()
    sandbox: Mapping[str, Any] = field(default_factory=dict)
    at_least_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a scenario went; `stock` are pieces on hand before and after by SKU."""

    key: str
    title: str
    number: str
    path: tuple[str, ...]
    seconds: float
    stock: Mapping[str, tuple[int, int]]
    problems: tuple[Problem, ...]

    @property
    def is_good(self) -> bool:
        """Whether everything is as it must be."""
        return not self.problems


@dataclass(slots=True, kw_only=True)
class Stage:
    """Who takes part: two people's clients and the narrator. `run` makes client references unique."""

    operator: ApiClient
    approver: ApiClient
    narrator: Narrator
    run: str


class OrderRun:
    """One order on its way."""

    def __init__(self, stage: Stage, scenario: Scenario) -> None:
        self._stage = stage
        self._scenario = scenario
        self._started = time.monotonic()
        self._entries: list[Entry] = []
        self._before: Stock = stage.operator.get_stock()
        self.order: OrderView | None = None

    @property
    def _placed(self) -> OrderView:
        assert self.order is not None, "an order is placed before anything else"
        return self.order

    @property
    def seconds(self) -> float:
        """How long the order has been on its way."""
        return time.monotonic() - self._started

    def place(self) -> None:
        """Place the order."""
        scenario = self._scenario
        body: dict[str, Any] = {
            "items": list(scenario.items),
            "client_ref": f"demo-{self._stage.run}-{scenario.key}",
            "ship_to": {"name": "Li Na", "street": "1 Nanjing Road", "city": "Shanghai", "country": "CN"},
        }
        if scenario.sandbox:
            body["sandbox"] = dict(scenario.sandbox)
        self._started = time.monotonic()
        self.order = self._stage.operator.place_order(body)
        basket = ", ".join(scenario.items)
        self._tell(
            _("POST /orders: %(basket)s → %(number)s, %(total)s")
            % {"basket": basket, "number": self.order.number, "total": self.order.total}
        )
        self._tell_news(self.order)

    def pay(self, token: str) -> None:
        """Pay with a token, once the order waits for payment."""
        self.wait_for("awaiting_payment")
        self._stage.operator.post(f"/api/v1/orders/{self._placed.id}/pay", {"token": token})
        self._tell(_("POST /pay with %(token)s") % {"token": token})

    def decide(self, action: str, reason: str) -> None:
        """Approve or reject as the second person, once the order waits for it."""
        self.wait_for("awaiting_approval")
        self.expect_held()
        path = f"/api/v1/orders/{self._placed.id}/audit"
        self._stage.approver.post(path, {"action": action, "reason": reason})
        self._tell(_("POST /audit by the approver: %(action)s") % {"action": action})

    def expect_held(self) -> None:
        """Check that the order's pieces are promised to it and still there."""
        now = self._stage.operator.get_stock()
        for sku in self._skus():
            wanted = reserved_of(self._before, sku) + list(self._scenario.items).count(sku)
            if reserved_of(now, sku) != wanted:
                raise UnexpectedError(
                    _("reserved pieces of %(sku)s") % {"sku": sku},
                    expected=str(wanted),
                    actual=str(reserved_of(now, sku)),
                )

    def wait_for_declines(self, count: int) -> None:
        """Wait until so many payments were declined."""
        self.wait(
            lambda order: order.payments.count("declined") >= count,
            _("%(count)d declined payments") % {"count": count},
        )

    def wait_for(self, status: str) -> None:
        """Wait until the order has a status."""
        self.wait(lambda order: order.status == status, status)

    def wait(self, until: Callable[[OrderView], bool], wanted: str) -> None:
        """Wait until something holds, telling each step. Raises UnexpectedError where it cannot any more."""
        watched = self._stage.operator.watch_order(
            self._placed.id, lambda order: until(order) or order.is_stuck, seconds=_STEP_SECONDS
        )
        for order in watched:
            self._tell_news(order)
            self.order = order
        if not until(self._placed):
            raise UnexpectedError(
                _("status of %(number)s after %(seconds).0f s")
                % {"number": self._placed.number, "seconds": self.seconds},
                expected=wanted,
                actual=self._placed.status,
            )

    def finish(self) -> Outcome:
        """Wait for the end and judge it."""
        self.wait(lambda order: order.is_terminal, self._scenario.path[-1])
        seconds = self.seconds
        after = self._stage.operator.get_stock()
        problems = [*self._judge(seconds), *compare_stock(self._before, after, shipped=self._placed.shipped)]
        return self._outcome(seconds, after, problems)

    def fail(self, problem: Problem) -> Outcome:
        """Give up and tell how far it went."""
        seconds = self.seconds
        return self._outcome(seconds, self._stage.operator.get_stock(), [problem])

    def _outcome(self, seconds: float, after: Stock, problems: Sequence[Problem]) -> Outcome:
        return Outcome(
            key=self._scenario.key,
            title=str(self._scenario.title),
            number=self.order.number if self.order else "",
            path=self._path(),
            seconds=seconds,
            stock={sku: (on_hand_of(self._before, sku), on_hand_of(after, sku)) for sku in self._skus()},
            problems=tuple(problems),
        )

    def _judge(self, seconds: float) -> list[Problem]:
        """Return what differs from the scenario, the stock aside."""
        scenario, order = self._scenario, self._placed
        checks = [
            (_("path"), " → ".join(scenario.path), " → ".join(self._path())),
            (_("reason"), scenario.reason, order.reason),
            (_("payments"), ", ".join(scenario.payments), ", ".join(order.payments)),
            (_("parcels that left"), ", ".join(sorted(scenario.warehouses)), ", ".join(self._left_from())),
            (_("pieces that left"), self._wanted_pieces(), self._left_pieces()),
        ]
        problems = [
            Problem(what=what, expected=expected or "–", actual=actual or "–")
            for what, expected, actual in checks
            if expected != actual
        ]
        missing = scenario.kinds - {entry.kind for entry in self._entries}
        problems += [
            Problem(what=_("timeline"), expected=kind, actual=_("no such event")) for kind in sorted(missing)
        ]
        if seconds < scenario.at_least_seconds:
            expected = _("at least %(seconds).1f s") % {"seconds": scenario.at_least_seconds}
            problems.append(Problem(what=_("duration"), expected=expected, actual=f"{seconds:.1f} s"))
        return problems

    def _skus(self) -> list[str]:
        return sorted(set(self._scenario.items))

    def _path(self) -> tuple[str, ...]:
        return tuple(entry.to_status for entry in self._entries if entry.to_status)

    def _left_from(self) -> list[str]:
        return sorted(parcel.warehouse for parcel in self._placed.shipments if parcel.state == "handed_over")

    def _wanted_pieces(self) -> str:
        return ", ".join(sorted(self._scenario.items)) if self._scenario.warehouses else ""

    def _left_pieces(self) -> str:
        shipped = self._placed.shipped.items()
        return ", ".join(sorted(sku for (sku, _code), count in shipped for _piece in range(count)))

    def _tell(self, text: str) -> None:
        self._stage.narrator.tell_action(text, self.seconds)

    def _tell_news(self, order: OrderView) -> None:
        """Tell the entries of the timeline that came since; each raises the version."""
        if self._entries and order.version == self._placed.version:
            return
        entries = self._stage.operator.get_timeline(order.id)
        for entry in entries[len(self._entries) :]:
            self._stage.narrator.tell_entry(entry, self.seconds)
        self._entries = entries


def play(stage: Stage, scenario: Scenario) -> Outcome:
    """Play one scenario; whatever goes wrong in it is part of its outcome. Raises UnreachableError."""
    run = OrderRun(stage, scenario)
    try:
        run.place()
        scenario.act(run)
        return run.finish()
    except UnexpectedError as error:
        return run.fail(error.problem)
    except ApiError as error:
        return run.fail(Problem(what=_("answer of the API"), expected=_("success"), actual=str(error)))
