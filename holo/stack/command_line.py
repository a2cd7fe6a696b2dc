"""`manage.py` as seen from outside: whatever goes wrong is one line on stderr and the exit code that fits.

2 is bad input, 1 a failure, 130 an interrupt. `--traceback` shows where an unexpected error came from.
"""

import argparse
import gc
import os
import re
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any, NoReturn

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.core.management import ManagementUtility, get_commands
from django.core.management.base import BaseCommand, CommandError, SystemCheckError
from django.db import DatabaseError, DataError, InterfaceError, ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from holo.common.characters import escaped, holds_control
from holo.common.db import sqlstate
from holo.common.errors import DomainError
from holo.stack.env import prepare
from holo.stack.errors import StackError
from holo.stack.process import explain

FAILED, BAD_INPUT, INTERRUPTED, CLOSED_PIPE = 1, 2, 130, 141
# What the database says when tables or columns are not there.
_NOT_MIGRATED = ("42P01", "42703")
# An API key, and a password within an address. Everybody on the machine can read a command line.
_SECRET = re.compile(r"holo_[a-z]{3,4}_[0-9A-Za-z]{36}|://[^/\s@:]*:[^/\s@]+@")
_DIGITS = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
_SHOWN_MIGRATIONS, _LONGEST_WORD = 5, 8192


def main(argv: Sequence[str]) -> int:
    """Run one command and return the exit code."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 # as long as the process
    if sys.stdout is None:
        # What a command makes, such as a key, would be lost.
        return _fail(BAD_INPUT, "stdout is closed; redirect it to /dev/null to see nothing")
    try:
        code = _run(list(argv))
        # Here, and not by the interpreter on its way out, which would complain about a reader that has gone.
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        return CLOSED_PIPE
    except OSError as error:
        _drop_output()
        return _fail(FAILED, f"stdout: {error.strerror}")
    return code


def _drop_output() -> None:
    """Let the interpreter flush into nothing what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(argv: list[str]) -> int:
    # `shell -c` takes a program, which has lines.
    words = argv[1:] if argv[1:2] != ["shell"] else []
    unreadable = next(filter(None, map(_unreadable, words)), "")
    if unreadable:
        return _fail(BAD_INPUT, f"manage.py: {unreadable}")
    try:
        prepare(argv)
        _Utility(argv).execute()
    except SystemExit as end:
        return _code(end)
    except KeyboardInterrupt:
        # Not translated: it may come before Django is set up.
        return _fail(INTERRUPTED, "interrupted")
    except BrokenPipeError:
        raise
    except Exception as error:
        # The last line of defence: no traceback reaches a person who did not ask for it.
        if "--traceback" in argv:
            raise
        return _fail(*_explained(error, argv))
    return 0


def _unreadable(word: str) -> str:
    """Return why no command can use a word, empty if one can. Not translated: Django is not set up yet."""
    control = next(filter(holds_control, word), "")
    if control:
        return f"an argument contains the control character U+{ord(control):04X}"
    # An option without its value would mean everything there is, where a variable of the shell was meant.
    option, is_given, value = word.partition("=") if word.startswith("--") else ("", "", word)
    if not value and (is_given or not word):
        return f"{option or 'an argument'} is empty; leave it out for the default"
    if is_given and value == "--":
        return f"{option} is --, which is no value"
    if any("\ud800" <= char <= "\udfff" for char in word):
        return "an argument is not UTF-8"
    if len(word) > _LONGEST_WORD:
        return f"an argument has more than {_LONGEST_WORD} characters"
    return ""


class _Utility(ManagementUtility):
    """Django's, which suggests what may have been meant and says it in one line."""

    def fetch_command(self, subcommand: str) -> BaseCommand:
        """Return the command, or leave with what may have been meant; everything is imported by now."""
        gc.freeze()
        gc.enable()
        if any(_SECRET.search(word) for word in self.argv[2:]):
            _leave(
                _("a secret in the command line is seen by everybody on this machine"),
                _("; use the environment"),
            )
        commands = get_commands()
        if subcommand not in commands:
            from django.conf import settings

            assert settings.INSTALLED_APPS  # raises where the real trouble is the configuration
            _leave(f"manage.py: unknown command {subcommand[:64]!r}", _guess(subcommand, commands))
        command = super().fetch_command(subcommand)
        made = command.create_parser
        command.create_parser = partial(_terse_parser, made)  # type: ignore[method-assign]
        command.execute = partial(_tell_escaped, command.execute)  # type: ignore[method-assign]
        return command


def _tell_escaped(execute: Any, *args: Any, **options: Any) -> Any:
    """Run a command; what its refusal quotes reaches the terminal escaped, as every other refusal does."""
    try:
        return execute(*args, **options)
    except CommandError as error:
        if not isinstance(error, SystemCheckError):
            error.args = ("\n".join(map(escaped, str(error).split("\n"))),)
        raise


def _terse_parser(made: Any, *args: Any, **kwargs: Any) -> Any:
    """Return the command's parser, whose complaints are one line without the list of all options."""
    parser = made(*args, **kwargs)
    known = [option for one in _all_parsers(parser) for option in one._option_string_actions]
    for one in _all_parsers(parser):
        one.register("type", int, _whole_number)
        one.error = partial(_usage_error, one.prog, known)  # type: ignore[method-assign]
    return parser


def _whole_number(text: str) -> int:
    """Return the integer of ASCII digits; Python's own reads `1_0` and digits of other scripts as well."""
    if not _DIGITS.fullmatch(text):
        raise ValueError
    return int(text)


def _all_parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _all_parsers(inner)


def _usage_error(prog: str, known: Sequence[str], message: str) -> NoReturn:
    wrong = message.partition("unrecognized arguments: ")[2].split(" ")[0].partition("=")[0]
    _leave(f"{prog}: {message}", _guess(wrong, known) or f"; see `{prog} --help`")


def _guess(given: str, known: Any) -> str:
    near = get_close_matches(given, list(known), n=1) if given else []
    return _("; did you mean %(name)s?") % {"name": near[0]} if near else ""


def _leave(problem: str, advice: str) -> NoReturn:
    _fail(BAD_INPUT, problem + advice)
    raise SystemExit(BAD_INPUT)


def _fail(code: int, text: str) -> int:
    print(escaped(" ".join(text.split())), file=sys.stderr)
    return code


def _code(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    return _fail(FAILED, str(end.code))


def _explained(error: Exception, argv: Sequence[str] = ()) -> tuple[int, str]:
    """Return the exit code and the line for an error that no command has put into words."""
    unfit = _unfit(error)
    if unfit:
        return BAD_INPUT, unfit
    if isinstance(error, ImproperlyConfigured):
        return BAD_INPUT, str(error)
    if isinstance(error, StackError):
        return FAILED, str(error)
    if isinstance(error, DomainError):
        return FAILED, error.message
    if isinstance(error, DatabaseError | InterfaceError | psycopg.Error):
        return FAILED, _of_database(error)
    # Not at the top: most commands never need it.
    from redis import RedisError

    if isinstance(error, RedisError):
        return FAILED, "Valkey: " + explain(str(error))
    if isinstance(error, OSError) and error.strerror:
        named = f"{error.filename}: " if error.filename else ""
        return BAD_INPUT if str(error.filename) in argv else FAILED, named + error.strerror
    # Only the kind: its text may hold what nobody should read.
    return FAILED, _("unexpected %(kind)s; --traceback shows where") % {"kind": type(error).__name__}


def _unfit(error: Exception) -> str:
    """Return what is wrong with a value or an input that no column and no reader can take; else empty."""
    if isinstance(error, DataError | psycopg.DataError):
        return _("a value does not fit: %(why)s") % {"why": explain(str(error))}
    if isinstance(error, UnicodeError):
        return _("the input is not UTF-8 text")
    if isinstance(error, RecursionError):
        return _("the input is nested too deeply")
    return _("a number is out of range") if isinstance(error, OverflowError) else ""


def _of_database(error: Exception) -> str:
    where = "{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)
    if isinstance(error, ProgrammingError) and sqlstate(error) in _NOT_MIGRATED:
        pending = pending_migrations()
        if pending:
            text = _("PostgreSQL at %(where)s: migrations: %(what)s; run `manage.py migrate`")
            return text % {"where": where, "what": pending}
    return _("PostgreSQL at %(where)s: %(why)s") % {"where": where, "why": explain(str(error))}


def pending_migrations() -> str:
    """Return how many migrations are pending, and which come first; empty when there are none."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return ""
    names = [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]
    shown = ", ".join(names[:_SHOWN_MIGRATIONS]) + (", …" if len(names) > _SHOWN_MIGRATIONS else "")
    return _("%(count)d pending (%(names)s)") % {"count": len(names), "names": shown}
