"""`manage.py up`: start the whole product on this machine and keep it running."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from holo.stack.console import Console
from holo.stack.env import BASE_DIR, child_environment, given, is_true, read_file, run_dir, write_run_env
from holo.stack.errors import StackError
from holo.stack.instance import Instance, Running
from holo.stack.part import Part
from holo.stack.plan import Options, Stack
from holo.stack.preflight import check_all
from holo.stack.process import Launch
from holo.stack.supervisor import Supervisor
from holo.stack.temporal_fetch import obtain_temporal


class Command(BaseCommand):
    """Start PostgreSQL, Valkey, Temporal, the web process and the workers; stop them all on Ctrl-C."""

    help = "Starts the whole product on this machine and keeps it running until Ctrl-C."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--demo", action="store_true", help="seed demo data and run the demo on it")
        parser.add_argument("--exit", action="store_true", help="with --demo: stop after it, with its status")
        parser.add_argument("--only-services", action="store_true", help="servers only, no product process")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until stopped."""
        if options["exit"] and not options["demo"]:
            raise CommandError(_("--exit goes with --demo"), returncode=2)
        if options["demo"] and not is_true(given().get("DEBUG", "1")):
            raise CommandError(
                _("--demo is refused with DEBUG=0: demo passwords are known to all"), returncode=2
            )
        wanted = Options(demo=options["demo"], only_services=options["only_services"])
        instance = Instance(run_dir())
        console = Console(run_dir() / "logs", stream=getattr(self.stdout, "_out", None))
        try:
            if instance.take():
                code = self._run(instance, console, wanted, leave=options["exit"])
            else:
                code = self._use_running(instance.running(), console, leave=options["exit"])
        except (StackError, OSError) as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            raise CommandError(_("interrupted"), returncode=130) from None
        finally:
            console.close()
        if code:
            raise SystemExit(code)

    def _run(self, instance: Instance, console: Console, options: Options, *, leave: bool) -> int:
        try:
            stack = Stack(options, temporal_cli=_temporal_cli(console))
            check_all(stack, after_crash=instance.crashed(), say=console.say)
            if stack.postgres is None:
                write_run_env(stack.values())
            instance.write(demo=options.demo, urls=stack.urls())
            supervisor = Supervisor(
                stack.parts(),
                console,
                # The demo ends with the addresses, so they are not said twice.
                on_ready=None if options.demo else lambda: _show_urls(console, stack.urls()),
                until="demo" if leave else None,
            )
            return supervisor.run()
        finally:
            instance.release()

    def _use_running(self, running: Running | None, console: Console, *, leave: bool) -> int:
        if running is None:
            raise StackError(_("another `up` is just starting or stopping here; try again"))
        console.plain(_("already running (pid %(pid)d)") % {"pid": running.pid})
        _show_urls(console, running.urls)
        if not leave:
            return 0
        if not running.demo:
            raise StackError(_("it was started without --demo; stop it first with `make down`"))
        return _demo_on_running(console)


def _temporal_cli(console: Console) -> Path | None:
    if given().get("TEMPORAL_ADDRESS"):
        return None
    return obtain_temporal(console.say).path


def _demo_on_running(console: Console) -> int:
    """Run the demo once more on a stack that somebody else keeps."""
    environment = child_environment(read_file(run_dir() / "env"))
    launch = Launch(name="demo", argv=(sys.executable, "manage.py", "demo"), cwd=BASE_DIR, env=environment)
    demo = Part(name="demo", launch=lambda: launch, task=True, foreground=True)
    return Supervisor([demo], console, until="demo").run()


def _show_urls(console: Console, urls: dict[str, str]) -> None:
    width = max(map(len, urls), default=0)
    for name, url in urls.items():
        console.plain(f"  {name:<{width}}  {url}")
