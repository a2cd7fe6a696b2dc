"""Command lines of ours that go wrong: what is typed, the exit code, and what the one line on stderr holds.

`COMMANDS` lists all of them with what each needs; the rows that apply to every command are made from it.
"""

from dataclasses import dataclass

from tests.bad_inputs.cases.rows import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """How a command is run without mistakes, and what it cannot do without."""

    words: tuple[str, ...] = ()
    # Fails within seconds, in one line, where PostgreSQL does not answer or is not migrated.
    database: bool = False
    # Answers by itself, on stdout, where tables are missing: what could not be checked.
    tells_missing_tables: bool = False
    # Runs until it is told to stop, and waits for what is away.
    lasting: bool = False


COMMANDS = {
    "api_key": Needs(words=("list",), database=True),
    "demo": Needs(database=True),
    "doctor": Needs(),
    "domains": Needs(words=("list",)),
    "down": Needs(),
    "errors_doc": Needs(words=("--check",)),
    "get_temporal": Needs(),
    "migrate": Needs(),
    "reconcile": Needs(database=True),
    "reset": Needs(),
    "retry_order": Needs(words=("--all",), database=True),
    "run_relay": Needs(lasting=True),
    "run_web": Needs(),
    "run_worker": Needs(lasting=True),
    "secrets": Needs(words=("list",), database=True),
    "second_factor": Needs(words=("reset", "nobody@example.com"), database=True),
    "seed_demo": Needs(database=True),
    "up": Needs(),
    "verify": Needs(database=True, tells_missing_tables=True),
    "workflow": Needs(words=("list",)),
}
KEY = "holo_org_AAAAAAAA" + "0" * 28
PASSWORD = "hunter2"


def _flag(name: str) -> Line:
    return Line(
        id="L01",
        what="a flag that does not exist",
        words=(name, *COMMANDS[name].words, "--no-such-flag"),
        exits=2,
        says=(f"manage.py {name}", "unrecognized arguments: --no-such-flag"),
    )


def _typo(name: str) -> Line:
    typed = f"{name}x"
    return Line(
        id="L01",
        what="a command that does not exist",
        words=(typed,),
        exits=2,
        says=(f"unknown command '{typed}'", "did you mean"),
    )


def _wrong(what: str, words: str, *says: str) -> Line:
    return Line(id="L02", what=what, words=tuple(words.split()), exits=2, says=says)


def _secret(name: str) -> Line:
    return Line(
        id="L10",
        what="a key in the command line",
        words=(name, KEY),
        exits=2,
        says=("a secret in the command line",),
    )


def _down(name: str) -> Line:
    return Line(
        id="L05",
        what="a database that does not answer",
        words=(name, *COMMANDS[name].words),
        exits=1,
        says=("PostgreSQL at 127.0.0.1:",),
        scene="database down",
    )


def _unmigrated(name: str) -> Line:
    return Line(
        id="L06",
        what="a database without its tables",
        words=(name, *COMMANDS[name].words),
        exits=1,
        says=("pending (contenttypes.0001_initial", "run `manage.py migrate`"),
        scene="no tables",
    )


def _odd_word(name: str, what: str, word: str, says: str) -> Line:
    return Line(id="L11", what=what, words=(name, *COMMANDS[name].words, word), exits=2, says=(says,))


_LONG = "x" * 300
# Values that no row, file or workflow can have, for each command that takes one.
_ODD_VALUES = (
    ("a long name", ("retry_order", "SO-1", "--organization", _LONG), "no such organisation"),
    ("a long name", ("second_factor", "reset", _LONG + "@example.com"), "no such person"),
    ("a long name", ("api_key", "create", "--user", _LONG, "--scopes", "orders:read"), "there is no user"),
    ("a long name", ("api_key", "revoke", _LONG), "there is no key"),
    ("a long name", ("api_key", "rotate", _LONG), "there is no key"),
    (
        "a long name",
        ("api_key", "create", "--user", "{seller}", "--scopes", "organization:read", "--name", _LONG),
        "100",
    ),
    ("a number without end", ("api_key", "rotate", "AAAAAAAA", "--grace-hours", "9" * 5000), "invalid int"),
    ("a long name", ("secrets", "get", _LONG), "there is no secret"),
    ("a long name", ("secrets", "delete", _LONG), "there is no secret"),
    ("a name of nothing", ("secrets", "versions", "absent"), "there is no secret absent here"),
    # A variable of the shell that is not set: these meant the installation's own, or all there are.
    ("an empty value", ("secrets", "delete", "a", "--in="), "--in is empty"),
    ("an empty value", ("secrets", "list", "--in", ""), "an argument is empty"),
    ("an empty value", ("workflow", "list", "--domain="), "--domain is empty"),
    ("an empty value", ("workflow", "show", ""), "an argument is empty"),
    ("an empty value", ("retry_order", "SO-1", "--organization="), "--organization is empty"),
    ("a value that is none", ("api_key", "create", "--kind=--", "--scopes", "orders:read"), "--kind is --"),
    ("a value that is none", ("secrets", "rotate", "--batch=--"), "--batch is --"),
    ("a line break", ("secrets", "get", "a\nb"), "an argument contains the control character U+000A"),
    ("a control character", ("api_key", "create", "--user=a\x1b[1m"), "the control character U+001B"),
    ("a long name", ("secrets", "list", "--in", _LONG), "there is no place"),
    ("a number without end", ("secrets", "get", "a", "--version", "9" * 30), "a"),
    ("a long name", ("secrets", "new-key", _LONG), "id"),
    ("a number without end", ("secrets", "rotate", "--batch", "9" * 30), "--batch is 1 to 10000"),
    ("a number without end", ("run_relay", "--threads", "9" * 30), "--threads must be at least 1"),
    ("a long name", ("run_worker", "--domain", _LONG), "not enabled"),
    ("a long name", ("workflow", "start", _LONG, "--input", "x"), "no workflow"),
    ("a long name", ("workflow", "start", "pizza", "--input", _LONG), "File name too long"),
    ("a folder for a file", ("workflow", "start", "pizza", "--input", "{tmp}"), "Is a directory"),
    ("another encoding", ("workflow", "start", "pizza", "--input", "{utf16}"), "byte order mark"),
    ("another encoding", ("workflow", "start", "pizza", "--input", "{latin1}"), "not UTF-8"),
    ("deep JSON", ("workflow", "start", "pizza", "--input", "{deep}"), "nested deeper"),
    ("a name twice", ("workflow", "start", "pizza", "--input", "{twice}"), "given twice"),
    ("a file that may not be read", ("workflow", "start", "pizza", "--input", "/proc/self/mem"), "/proc"),
    ("a number without end", ("workflow", "list", "--limit", "9" * 30), "--limit is 1 to 1000"),
    ("a long id", ("workflow", "show", _LONG), "at most 255"),
    ("a long id", ("workflow", "cancel", _LONG), "at most 255"),
    ("a long id", ("workflow", "signal", _LONG, "x"), "at most 255"),
    ("a long name", ("verify", "--only", _LONG), "no invariant"),
    ("a long name", ("errors_doc", "--file", "/tmp/" + _LONG), "File name too long"),
    ("a long name", ("errors_doc", "--cases", _LONG), "is no module"),
    ("a relative name", ("errors_doc", "--cases", ".x"), "is no module"),
    ("a long name", ("demo", "--url", _LONG), "--url is an address"),
    ("no port", ("demo", "--url", "http://[::1"), "--url is an address"),
    ("no port", ("demo", "--url", "http://127.0.0.1:99999999"), "--url is an address"),
    ("a long name", ("migrate", _LONG), "No installed app"),
    ("a number for a name", ("migrate", "orders", _LONG), "Cannot find a migration"),
)

_ON_DATABASE = [name for name, needs in COMMANDS.items() if needs.database]

LINES = (
    *(_flag(name) for name in COMMANDS),
    *(_typo(name) for name in COMMANDS),
    _wrong("a flag with a typo", "doctor --jsn", "did you mean --json?"),
    _wrong("another type", "run_relay --threads x", "invalid int value"),
    *(
        _wrong("a number that is guessed elsewhere", f"{words} {number}", "invalid int value")
        for words in ("run_relay --threads", "workflow list --limit", "api_key rotate AAAAAAAA --grace-hours")
        for number in ("1_0", "２", "١٢", "1.0", "0x10")
    ),
    _wrong("a character that turns text around", "verify --only I1\u202e", "no invariant I1\\u202e"),
    _wrong("another type", "verify --grace x", "invalid float value"),
    _wrong("no sub-command", "api_key", "required: command", "--help"),
    _wrong("no scopes", "api_key create --user nobody@example.com", "required: --scopes", "--help"),
    _wrong("no prefix", "api_key rotate", "required: prefix", "--help"),
    _wrong("no prefix", "api_key revoke", "required: prefix", "--help"),
    _wrong("no sub-command", "second_factor", "required: command", "--help"),
    _wrong("no person", "second_factor reset", "required: email", "--help"),
    _wrong("no order", "retry_order", "name orders, or pass --all"),
    _wrong("a number of nobody's", "retry_order SO-1", "pass --organization SLUG"),
    _wrong("half of a pair", "up --exit", "--exit goes with --demo"),
    _wrong("no threads", "run_relay --threads 0", "--threads must be at least 1"),
    _wrong("a name for an address", "run_web --bind localhost:8000", "--bind must be an IP address"),
    _wrong("no port", "run_web --bind 127.0.0.1", "--bind must be an IP address"),
    _wrong("a port that is too high", "run_web --bind [::1]:65536", "--bind must be an IP address"),
    _wrong("no seconds", "run_web --receive-seconds 0", "--receive-seconds must be at least 1"),
    _wrong("too few connections", "run_web --connections 9", "--connections must be at least 10"),
    _wrong("no connection", "run_web --connections-per-client 0", "--connections-per-client must be"),
    _wrong("an unknown domain", "run_worker --domain nonsense", "domain nonsense is not enabled"),
    _wrong("no sub-command", "domains", "required: command", "--help"),
    _wrong("no sub-command", "workflow", "required: command", "--help"),
    _wrong("no input", "workflow start pizza", "required: --input", "--help"),
    _wrong("an unknown workflow", "workflow start pasta --input x", "no workflow pasta", "hello, pizza"),
    _wrong("a domain that starts itself", "workflow start orders --input x", "starts its workflows itself"),
    _wrong("no duration", "workflow start pizza --input x --timeout nan", "--timeout is more than 0"),
    _wrong("no number of runs", "workflow list --limit 0", "--limit is 1 to 1000"),
    _wrong("an unknown domain", "workflow list --domain pasta", "domain pasta is not enabled"),
    _wrong("an unknown state", "workflow list --status done", "invalid choice: 'done'"),
    _wrong("no address", "demo --url nonsense", "--url is an address"),
    _wrong("an unknown invariant", "verify --only I99", "no invariant I99"),
    *(
        _wrong("no duration", f"{words}={value}", "--" + words.partition("--")[2])
        for words in ("verify --grace", "reconcile --grace", "reconcile --wait")
        for value in ("-1", "nan", "inf", "1e300")
    ),
    Line(
        id="L02",
        what="an unknown person",
        words=("api_key", "create", "--user", "nobody@example.com", "--scopes", "orders:read"),
        exits=2,
        says=("there is no user nobody@example.com",),
        scene="tables",
    ),
    Line(
        id="L02",
        what="an unknown scope",
        code="apiauth.unknown_scope",
        words=("api_key", "create", "--user", "{seller}", "--scopes", "orders:everything"),
        exits=2,
        says=("orders:read",),
        scene="tables",
    ),
    Line(
        id="L02",
        what="a key for ever",
        code="apiauth.key_lifetime",
        words=("api_key", "create", "--user", "{seller}", "--scopes", "orders:read", "--days", "99999999999"),
        exits=2,
        says=("366 days",),
        scene="tables",
    ),
    Line(
        id="L02",
        what="a scope that the owner lacks",
        code="apiauth.scope_not_held",
        words=("api_key", "create", "--user", "{seller}", "--scopes", "orders:audit"),
        exits=2,
        says=("orders:audit",),
        scene="tables",
    ),
    Line(
        id="L02",
        what="no network",
        code="apiauth.network_invalid",
        words=(
            *("api_key", "create", "--user", "{seller}", "--scopes", "orders:read"),
            *("--networks", "10.0.0.1/8"),
        ),
        exits=2,
        says=("10.0.0.1/8 is no address or network",),
        scene="tables",
    ),
    Line(
        id="L02",
        what="an unknown environment",
        words=(
            *("api_key", "create", "--user", "{seller}", "--scopes", "orders:read"),
            *("--environment", "shop/none"),
        ),
        exits=2,
        says=("there is no environment shop/none",),
        scene="tables",
    ),
    Line(
        id="L02",
        what="a key that is not there",
        words=("api_key", "rotate", "AAAAAAAA"),
        exits=2,
        says=("there is no key with this prefix",),
        scene="tables",
    ),
    Line(
        id="L02",
        what="an order of an unknown organisation",
        words=("retry_order", "SO-1", "--organization", "nobody"),
        exits=2,
        says=("no such organisation: nobody",),
        scene="tables",
    ),
    Line(
        id="L03",
        what="a file in a folder that is not there",
        words=("errors_doc", "--file", "{tmp}/absent/errors.md"),
        exits=2,
        says=("absent/errors.md: No such file or directory",),
    ),
    Line(
        id="L03",
        what="a folder for a file",
        words=("errors_doc", "--file", "{tmp}"),
        exits=2,
        says=(": Is a directory",),
    ),
    Line(
        id="L03",
        what="a folder for a file",
        words=("errors_doc", "--check", "--file", "{tmp}"),
        exits=2,
        says=(": Is a directory",),
    ),
    Line(
        id="L03",
        what="an input that is not there",
        words=("workflow", "start", "pizza", "--input", "{tmp}/absent.json"),
        exits=2,
        says=("absent.json: No such file or directory",),
    ),
    Line(
        id="L04",
        what="an input that is no text",
        words=("workflow", "start", "pizza", "--input", "{binary}"),
        exits=2,
        says=("this is not UTF-8",),
    ),
    Line(
        id="L03",
        what="a module that is not there",
        words=("errors_doc", "--cases", "no.such.module"),
        exits=2,
        says=("no.such.module is no module",),
    ),
    Line(
        id="L04",
        what="a file that is no text",
        words=("errors_doc", "--check", "--file", "{binary}"),
        exits=3,
        says=("is out of date",),
    ),
    *(_odd_word(name, "NUL in an argument", "a\0b", "the control character U+0000") for name in COMMANDS),
    *(_odd_word(name, "an argument in another encoding", "\udcff", "is not UTF-8") for name in COMMANDS),
    *(_odd_word(name, "an endless argument", "x" * 10_000, "more than 8192 characters") for name in COMMANDS),
    *(
        Line(id="L12", what=what, words=words, exits=2, says=(says,), scene="tables")
        for what, words, says in _ODD_VALUES
    ),
    *(_down(name) for name in _ON_DATABASE),
    Line(
        id="L05",
        what="a database that does not answer",
        words=("migrate",),
        exits=1,
        says=("PostgreSQL: connection failed", "127.0.0.1"),
        scene="owner down",
    ),
    *(_unmigrated(name) for name in _ON_DATABASE if not COMMANDS[name].tells_missing_tables),
    Line(
        id="L09",
        what="a second relay on the same port",
        words=("run_relay",),
        exits=1,
        says=("RELAY_METRICS_PORT",),
        scene="port taken",
    ),
    Line(
        id="L09",
        what="a second worker on the same port",
        words=("run_worker",),
        exits=1,
        says=("WORKER_METRICS_PORT",),
        scene="port taken",
    ),
    Line(
        id="L09",
        what="a worker whose second port is taken",
        words=("run_worker",),
        exits=1,
        says=("WORKER_METRICS_PORT + 2",),
        scene="second port taken",
    ),
    *(_secret(name) for name in COMMANDS),
    Line(
        id="L10",
        what="a password in the command line",
        words=("demo", "--url", f"http://someone:{PASSWORD}@127.0.0.1:1"),
        exits=2,
        says=("a secret in the command line",),
    ),
)
