"""`manage.py workflow`: starts, shows, wakes and cancels runs of the enabled domains."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from pydantic_core import to_jsonable_python
from rich.table import Table
from rich.text import Text

from holo.common.api.errors import JsonSyntaxError
from holo.common.api.parsers import parse_json
from holo.common.errors import RequestError
from holo.common.terminal import make_console
from workflows.runtime import client
from workflows.runtime.check import signal_names
from workflows.runtime.client import WorkflowDescription
from workflows.runtime.errors import WorkflowNotFoundError
from workflows.runtime.history import Step, StillRunningError, follow
from workflows.runtime.inputs import STDIN, InputError, read_input
from workflows.runtime.registry import Domain, Start, StartRefusedError, enabled_domains
from workflows.runtime.runs import RUNNING, list_runs

FAILED, BAD_INPUT = 1, 2
_LONGEST = 24 * 3600
_LONGEST_ID = 255
_STATUSES = ("running", "completed", "failed", "canceled", "terminated", "timed_out", "continued_as_new")
_MARKS = {"done": ("✓", "green"), "failed": ("✗", "bold red"), "note": ("·", "dim")}
_RESULT_WAIT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """How a run that was followed stands now; `result` is there once it has completed."""

    run: WorkflowDescription
    steps: list[Step]
    result: object = None

    def as_data(self) -> dict[str, object]:
        """Return what `--json` prints."""
        run = self.run
        return {
            "workflow_id": run.workflow_id,
            "run_id": run.run_id,
            "workflow_type": run.workflow_type,
            "status": run.status.lower(),
            "started_at": run.started_at.isoformat(),
            "closed_at": run.closed_at.isoformat() if run.closed_at else None,
            "steps": [asdict(step) for step in self.steps],
            "result": self.result,
        }


class Command(BaseCommand):
    """One sub-command for each thing to do."""

    help = (
        "`start` begins a workflow from a JSON file and prints its steps and its result; the same input is"
        " the same run. `list`, `show`, `signal` and `cancel` are for runs of the enabled domains. Exits 2"
        " for input that does not fit, 1 where Temporal is away, no run is there, or the workflow failed."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the sub-commands."""
        commands = parser.add_subparsers(dest="command", required=True)
        start = commands.add_parser("start", help=_("start a workflow and follow it"))
        start.add_argument("name", help=_("as `domains list` shows it, such as pizza"))
        start.add_argument("--input", required=True, metavar="FILE", help=_("JSON; - reads stdin"))
        start.add_argument("--no-wait", action="store_true", help=_("print the id and leave"))
        start.add_argument(
            "--timeout", type=float, default=60.0, help=_("seconds to follow it (default: %(default)s)")
        )
        listing = commands.add_parser("list", help=_("list runs, newest first"))
        listing.add_argument("--domain", help=_("of this enabled domain only"))
        listing.add_argument("--status", choices=_STATUSES, help=_("in this state only"))
        listing.add_argument("--limit", type=int, default=20, help=_("so many (default: %(default)s)"))
        for name, text in (
            ("show", _("show the steps of the latest run of an id, and its result")),
            ("signal", _("send a signal to a run")),
            ("cancel", _("ask a run to cancel itself")),
        ):
            command = commands.add_parser(name, help=text)
            command.add_argument("id", help=_("the workflow id"))
            if name == "signal":
                command.add_argument("signal", help=_("its name"))
                command.add_argument("--payload", metavar="JSON", help=_("what it carries"))
        for command in commands.choices.values():
            command.add_argument("--json", action="store_true", help=_("print JSON"))

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the sub-command."""
        try:
            domains = enabled_domains()
        except ImproperlyConfigured as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from error
        if len(options.get("id") or "") > _LONGEST_ID:
            text = _("a workflow id has at most %(longest)d characters")
            raise CommandError(text % {"longest": _LONGEST_ID}, returncode=BAD_INPUT)
        run = getattr(self, "_" + options["command"])
        try:
            run(domains, options)
        except WorkflowNotFoundError:
            text = _("Temporal knows no run of %(id)s, or it has ended")
            raise CommandError(text % {"id": options["id"][:64]}, returncode=FAILED) from None

    # --- start -----------------------------------------------------------------------------------

    def _start(self, domains: tuple[Domain, ...], options: dict[str, Any]) -> None:
        if not 0 < options["timeout"] <= _LONGEST:
            raise CommandError(_("--timeout is more than 0 seconds and at most a day"), returncode=BAD_INPUT)
        domain, start = _chosen(domains, options["name"])
        try:
            value = read_input(options["input"], start.input)
        except InputError as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from None
        # Before anything is committed for a run that cannot be started.
        if not client.has_workers(task_queue=domain.task_queue):
            text = _(
                "no worker serves the queue %(queue)s; start one: `manage.py run_worker --domain %(name)s`"
            )
            self.stderr.write(text % {"queue": domain.task_queue, "name": domain.name})
        workflow_id = start.workflow_id(value)
        try:
            begun = value if start.begin is None else start.begin(value)
        except StartRefusedError as error:
            source = "stdin" if options["input"] == STDIN else options["input"]
            raise CommandError(f"{source}: {error}", returncode=BAD_INPUT) from None
        fresh = client.start_workflow(
            workflow=start.workflow, workflow_id=workflow_id, task_queue=domain.task_queue, input=begun
        )
        self._tell_start(workflow_id, fresh=fresh, options=options)
        if not options["no_wait"]:
            self._follow(workflow_id, domains, options, within=options["timeout"])

    def _tell_start(self, workflow_id: str, *, fresh: bool, options: dict[str, Any]) -> None:
        if options["json"]:
            if options["no_wait"]:
                self.stdout.write(json.dumps({"workflow_id": workflow_id, "started": fresh}))
            return
        text = (
            workflow_id if fresh else _("%(id)s has run already; this is what it did") % {"id": workflow_id}
        )
        self.stdout.write(self.style.MIGRATE_HEADING(text))

    def _follow(
        self,
        workflow_id: str,
        domains: tuple[Domain, ...],
        options: dict[str, Any],
        *,
        within: float | None,
    ) -> None:
        """Print the steps of the latest run, as they happen or those up to now, and its result."""
        steps = []
        try:
            for step in follow(workflow_id=workflow_id, within=within):
                steps.append(step)
                if not options["json"]:
                    self._print(_line(step))
        except StillRunningError:
            text = _("%(id)s still runs after %(n)g s; see `manage.py workflow show %(id)s`")
            raise CommandError(text % {"id": workflow_id, "n": within}, returncode=FAILED) from None
        run = client.find_workflow(workflow_id=workflow_id)
        if run is None:
            raise WorkflowNotFoundError("the run has gone")
        ended = _Ended(run=run, steps=steps, result=_result(run, domains))
        if options["json"]:
            self.stdout.write(json.dumps(ended.as_data(), indent=2, ensure_ascii=False))
        else:
            self._tell_end(ended)
        if run.status not in (RUNNING, "COMPLETED"):
            text = _("%(id)s ended as %(status)s") % {"id": workflow_id, "status": run.status.lower()}
            raise CommandError(text, returncode=FAILED)

    def _tell_end(self, ended: _Ended) -> None:
        if ended.run.status == RUNNING:
            self.stdout.write(_("still running"))
        elif ended.result is not None:
            table = Table.grid(padding=(0, 2))
            for name, value in _flat(ended.result):
                table.add_row(Text(name, style="dim"), Text(value))
            self.stdout.write("")
            self._print(table)

    # --- The other sub-commands ------------------------------------------------------------------

    def _list(self, domains: tuple[Domain, ...], options: dict[str, Any]) -> None:
        if not 1 <= options["limit"] <= 1000:
            raise CommandError(_("--limit is 1 to 1000"), returncode=BAD_INPUT)
        if options["domain"]:
            try:
                domains = enabled_domains([options["domain"]])
            except ImproperlyConfigured as error:
                raise CommandError(str(error), returncode=BAD_INPUT) from error
        types = [client.workflow_name(workflow) for domain in domains for workflow in domain.workflows]
        status = options["status"].title().replace("_", "") if options["status"] else None
        runs = list_runs(types, status=status, limit=options["limit"])
        if options["json"]:
            self.stdout.write(json.dumps([_Ended(run=run, steps=[]).as_data() for run in runs], indent=2))
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in (_("workflow id"), _("type"), _("status"), _("started"), _("ended")):
            table.add_column(heading, overflow="fold")
        for run in runs:
            closed = f"{run.closed_at:%Y-%m-%d %H:%M:%S}" if run.closed_at else "-"
            status = run.status.lower()
            table.add_row(
                run.workflow_id, run.workflow_type, status, f"{run.started_at:%Y-%m-%d %H:%M:%S}", closed
            )
        if runs:
            self._print(table)
        else:
            self.stdout.write(_("no runs"))

    def _show(self, domains: tuple[Domain, ...], options: dict[str, Any]) -> None:
        self._follow(options["id"], domains, options, within=None)

    def _signal(self, domains: tuple[Domain, ...], options: dict[str, Any]) -> None:
        run = client.find_workflow(workflow_id=options["id"])
        if run is None:
            raise WorkflowNotFoundError("no run")
        workflow = _workflow_of(run, domains)
        known = signal_names(workflow) if workflow else ()
        # A signal that nothing takes would be dropped without a word.
        if workflow is not None and options["signal"] not in known:
            text = _("%(type)s takes no signal %(name)s; there are: %(known)s") % {
                "type": run.workflow_type,
                "name": options["signal"][:64],
                "known": ", ".join(known) or _("none"),
            }
            raise CommandError(text, returncode=BAD_INPUT)
        try:
            payload = None if options["payload"] is None else parse_json(options["payload"].encode())
        except JsonSyntaxError:
            raise CommandError(_("--payload is not JSON"), returncode=BAD_INPUT) from None
        except RequestError as error:
            place = f" {error.errors[0].pointer}" if error.errors else ""
            raise CommandError(f"--payload{place}: {error.message}", returncode=BAD_INPUT) from None
        client.signal_workflow(workflow_id=options["id"], signal=options["signal"], payload=payload)
        self._done(options, _("sent %(signal)s to %(id)s") % options, signal=options["signal"])

    def _cancel(self, domains: tuple[Domain, ...], options: dict[str, Any]) -> None:
        # Temporal itself takes a cancel of a run that has ended.
        run = client.find_workflow(workflow_id=options["id"])
        if run is None or run.status != RUNNING:
            raise WorkflowNotFoundError("no run")
        client.cancel_workflow(workflow_id=options["id"])
        self._done(options, _("asked %(id)s to cancel itself") % options, cancel=True)

    def _done(self, options: dict[str, Any], text: str, **what: object) -> None:
        data = json.dumps({"workflow_id": options["id"], **what})
        self.stdout.write(data if options["json"] else text)

    def _print(self, what: Table | Text) -> None:
        stream = getattr(self.stdout, "_out", sys.stdout)
        make_console(stream).print(what, soft_wrap=isinstance(what, Text))
        stream.flush()


def _chosen(domains: tuple[Domain, ...], name: str) -> tuple[Domain, Start]:
    for domain in domains:
        if name in domain.starts:
            return domain, domain.starts[name]
    known = ", ".join(start for domain in domains for start in domain.starts) or _("none")
    text = _("there is no workflow %(name)s to start by hand; there are: %(known)s")
    if any(domain.name == name for domain in domains):
        text = _("the domain %(name)s starts its workflows itself; by hand there are: %(known)s")
    raise CommandError(text % {"name": name[:64], "known": known}, returncode=BAD_INPUT)


def _workflow_of(run: WorkflowDescription, domains: tuple[Domain, ...]) -> type | None:
    for domain in domains:
        for workflow in domain.workflows:
            if client.workflow_name(workflow) == run.workflow_type:
                return workflow
    return None


def _result(run: WorkflowDescription, domains: tuple[Domain, ...]) -> object:
    """Return what a completed run is shown to have come to."""
    if run.status != "COMPLETED":
        return None
    workflow = _workflow_of(run, domains)
    starts = [start for domain in domains for start in domain.starts.values() if start.workflow is workflow]
    start = starts[0] if starts else None
    result = client.workflow_result(
        workflow_id=run.workflow_id, result_type=start.result if start else Any, timeout=_RESULT_WAIT
    )
    if start is not None and start.report is not None:
        result = start.report(result)
    shown: object = to_jsonable_python(result)
    return shown


def _line(step: Step) -> Text:
    mark, style = _MARKS[step.state]
    line = Text(f"{step.seconds:7.2f} s  ", style="dim")
    line.append(f"{mark} ", style=style)
    line.append(step.name)
    if step.detail:
        line.append(f"  {step.detail}", style="bold red" if step.state == "failed" else "dim")
    return line


def _flat(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the leaves of a result with their path, without those that are empty."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif value is not None:
        yield name or _("result"), value if isinstance(value, str) else json.dumps(value)
