"""How the demonstration looks on a terminal, in a log and in a pipe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orders.demo.answers import Entry, read_money
from orders.demo.order_run import Outcome
from orders.demo.stock import Problem

_GOOD, _BAD, _DIM = "green", "bold red", "dim"
# What each status is coloured like; the others are plain.
_STATUS_STYLES = {
    "completed": _GOOD,
    "awaiting_approval": "yellow",
    "needs_attention": _BAD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What to say at the end: addresses and logins by name, commands to try with what they do."""

    urls: Mapping[str, str]
    logins: Sequence[tuple[str, str]]
    password: str
    # Of the second factor, and the code of this moment.
    secret: str
    code: str
    waiting: str
    inbox: str
    commands: Sequence[tuple[str, str]]


class Report:
    """Prints each step as it happens, and the table at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str, style: str = "") -> None:
        """Print one line as it is; the terminal breaks it where it must."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def open_scenario(self, key: str, title: str) -> None:
        """Print the heading of a scenario."""
        self.say("")
        self.say(f"{key}  {title}", "bold")

    def tell_action(self, text: str, seconds: float) -> None:
        """Print what a client or a person did."""
        self._step(seconds, Text(f"▸ {text}", style="cyan"))

    def tell_entry(self, entry: Entry, seconds: float) -> None:
        """Print what the order's process did."""
        line = Text("  ")
        if entry.kind != entry.to_status:
            line.append(entry.kind.replace("_", " "))
        if entry.to_status and entry.kind != entry.to_status:
            line.append(" → ", style=_DIM)
        if entry.to_status:
            line.append_text(_status(entry.to_status))
        detail = _detail(entry)
        if detail:
            line.append(f"  {detail}", style=_DIM)
        self._step(seconds, line)

    def close_scenario(self, outcome: Outcome) -> None:
        """Print the verdict, and each problem with what was expected and what was found."""
        stock = ", ".join(f"{sku} {_change(*pieces)}" for sku, pieces in outcome.stock.items())
        if outcome.is_good:
            line = _("as it must be; on hand: %(stock)s") % {"stock": stock}
            self._step(outcome.seconds, Text(f"✓ {line}", style=_GOOD))
            return
        self._step(outcome.seconds, Text("✗ " + _("not as it must be"), style=_BAD))
        for problem in outcome.problems:
            self._problem(problem)

    def show_table(self, outcomes: Sequence[Outcome]) -> None:
        """Print the table of all orders."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        table.add_column("")
        table.add_column(_("order"), no_wrap=True)
        table.add_column(_("path"), overflow="fold")
        table.add_column(_("seconds"), justify="right", no_wrap=True)
        table.add_column(_("on hand before → after"), no_wrap=True)
        table.add_column(_("verdict"), no_wrap=True)
        for outcome in outcomes:
            verdict = Text(_("good"), style=_GOOD) if outcome.is_good else Text(_("WRONG"), style=_BAD)
            table.add_row(
                outcome.key,
                outcome.number,
                _path(outcome.path),
                f"{outcome.seconds:.1f}",
                Text("\n".join(f"{sku} {_change(*pieces)}" for sku, pieces in outcome.stock.items())),
                verdict,
            )
        self.say("")
        self._console.print(table)

    def close(self, closing: Closing) -> None:
        """Print where to go from here."""
        width = max(len(name) for name in [*closing.urls, _("log in as")])
        self.say("")
        for name, url in closing.urls.items():
            self.say(f"{name:<{width}}  {url}")
        for number, (email, what) in enumerate(closing.logins):
            label = "" if number else _("log in as")
            self.say(f"{label:<{width}}  {email:<21} {what}")
        self.say(f"{'':<{width}}  " + _("password of all: %(password)s") % {"password": closing.password})
        codes = _("second factor of all: %(secret)s, the code is now %(code)s")
        self.say(f"{'':<{width}}  " + codes % {"secret": closing.secret, "code": closing.code})
        self.say(f"{'':<{width}}  " + _("the next code: .venv/bin/python manage.py second_factor demo-code"))
        self.say("")
        self.say(
            _("%(number)s waits for you: decide as the approver at %(url)s")
            % {"number": closing.waiting, "url": closing.inbox},
            "bold",
        )
        for what, command in closing.commands:
            self.say("")
            self.say(what)
            self.say(f"  {command}", "cyan")

    def _step(self, seconds: float, line: Text) -> None:
        self._console.print(Text.assemble((f"{seconds:6.2f} s  ", _DIM), line), soft_wrap=True)

    def _problem(self, problem: Problem) -> None:
        labels = (
            (_("wrong"), problem.what),
            (_("expected"), problem.expected),
            (_("actual"), problem.actual),
        )
        for label, text in labels:
            self.say(f"            {label}: {text}", _BAD)


def _status(status: str) -> Text:
    return Text(status.replace("_", " "), style=_STATUS_STYLES.get(status, ""))


def _path(statuses: Sequence[str]) -> Text:
    return Text(" → ").join(_status(status) for status in statuses)


def _change(before: int, after: int) -> str:
    return f"{before} → {after}" if before != after else f"{before} = {after}"


def _detail(entry: Entry) -> str:
    """Return what is worth knowing of an entry, in a few words."""
    data: Mapping[str, Any] = entry.data
    words = [str(data[name]) for name in ("warehouse", "reason", "code") if data.get(name)]
    if data.get("warehouses"):
        words.append(" + ".join(data["warehouses"]))
    for name in ("amount", "total"):
        if isinstance(data.get(name), Mapping):
            words.append(read_money(data[name]))
    if entry.by and entry.by != "system":
        words.append(_("by %(who)s") % {"who": entry.by})
    return ", ".join(words)
