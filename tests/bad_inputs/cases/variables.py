"""Environments that do not fit: what is set, and what the one line on stderr must hold."""

from base64 import b64encode
from secrets import token_urlsafe

from holo.secretstore.keyring import make_entry
from tests.bad_inputs.cases.rows import Variables

# A production machine on which nothing is weak; what a row sets comes on top. Secrets are new in each run.
BASE = {
    "DEBUG": "0",
    "SECRET_KEY": token_urlsafe(50),
    "SECRETS_KEYRING": make_entry("k1"),
    "TEMPORAL_KEYRING": make_entry("t1"),
    "METRICS_TOKEN": token_urlsafe(),
    "ALLOWED_HOSTS": "127.0.0.1,localhost,holo.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://holo.example.com",
    "PUBLIC_URL": "https://holo.example.com",
    "DEFAULT_FROM_EMAIL": "Holo <holo@shop.internal>",
    "EMAIL_URL": f"smtp+tls://holo:{token_urlsafe()}@mail.example.com:587",
    "PAYMENT_GATEWAY": "shop.payments.Gateway",
    "CARRIER": "shop.parcels.Carrier",
}
SECRET = "hunter2"
_RING_KEY = b64encode(bytes(range(7, 39))).decode()


def _row(case: str, what: str, says: str | tuple[str, ...], **values: str) -> Variables:
    return Variables(
        id=case,
        what=what,
        values=values,
        says=(says,) if isinstance(says, str) else says,
        hides=(SECRET,) if any(SECRET in value for value in values.values()) else (),
    )


_INTEGERS = {
    "PORT_OFFSET": "0 to 16000",
    "PROXY_HOPS": "0 to 10",
    "DB_LOCK_TIMEOUT_MS": "1 to 60000",
    "DB_STATEMENT_TIMEOUT_MS": "1 to 600000",
    "WORKER_THREADS": "2 to 1000",
    "OUTSIDE_CALLS": "1 to 3",
    "OUTSIDE_SECONDS": "1 to 10",
    "STOP_SECONDS": "5 to 3600",
    "WEB_THREADS": "1 to 1000",
    "WORKER_METRICS_PORT": "1 to 65533",
    "RELAY_METRICS_PORT": "1 to 65535",
    "ORDER_APPROVAL_DEADLINE": "1 to 31536000",
    "ORDER_PAYMENT_DEADLINE": "1 to 31536000",
    "ORDER_PAYMENT_ATTEMPTS": "1 to 100",
    "ORDER_BUYER_PIECES": "1 to 1000000",
    "ORDER_ADDRESS_PIECES": "1 to 1000000",
    "ORDER_NETWORK_PIECES": "1 to 1000000",
}

VARIABLES = (
    _row(
        "E01",
        "several things wrong",
        ("SECRET_KEY is not set", "PORT_OFFSET='ten'", "DEMO=1 is refused", "ORDER_APPROVAL_THRESHOLD='x'"),
        SECRET_KEY="",
        PORT_OFFSET="ten",
        DEMO="1",
        ORDER_APPROVAL_THRESHOLD="x",
    ),
    *(
        _row("E02", "no boolean", f"{name}='{value}' is neither 1 nor 0", **{name: value})
        for name in ("DEBUG", "DEMO", "WORKER_SANDBOX")
        for value in ("flase", "2", "-1", "None")
    ),
    *(
        _row("E02", "no rate", f"{name}: {value} is no rate such as 1000/10:2000, nor off", **{name: value})
        for name in (
            "RATE_CREDENTIAL",
            "RATE_USER",
            "RATE_ORGANIZATION",
            "RATE_ADDRESS",
            "RATE_PUBLIC",
            "RATE_SENSITIVE",
        )
        for value in ("10", "0/1:1", "1/s:1", "1１/1:1")
    ),
    _row("E03", "no secret key", "SECRET_KEY is not set", SECRET_KEY=""),
    _row(
        "E03",
        "a weak secret key",
        "SECRET_KEY is too weak",
        SECRET_KEY="development-only-key-that-guards-nothing",
    ),
    _row("E03", "a weak secret key", "SECRET_KEY is too weak", SECRET_KEY="short"),
    _row("E03", "a weak secret key", "SECRET_KEY is too weak", SECRET_KEY="a" * 100),
    _row(
        "E03",
        "a weak secret key among the earlier ones",
        "SECRET_KEY_FALLBACKS is too weak",
        SECRET_KEY_FALLBACKS=f"{BASE['SECRET_KEY']},short",
    ),
    _row(
        "E03",
        "a comma in the secret key",
        "SECRET_KEY contains a comma",
        SECRET_KEY=f"{BASE['SECRET_KEY']},",
    ),
    _row("E03", "the demonstration in production", "DEMO=1 is refused without DEBUG=1", DEMO="1"),
    _row(
        "E05",
        "a certificate that is not there",
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH must be the path of a file that can be read, not '/no/such/file'",
        TEMPORAL_TLS="1",
        TEMPORAL_TLS_SERVER_CA_CERT_PATH="/no/such/file",
    ),
    _row(
        "E05",
        "a certificate without its key",
        "TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH: set both or neither",
        TEMPORAL_TLS="1",
        TEMPORAL_TLS_CLIENT_CERT_PATH="manage.py",
    ),
    _row(
        "E05",
        "a name for TLS without TLS",
        "TEMPORAL_TLS_… is set without TEMPORAL_TLS=1",
        TEMPORAL_TLS_SERVER_NAME="temporal.example.com",
    ),
    _row("E04", "any host", "ALLOWED_HOSTS=* is refused", ALLOWED_HOSTS="*"),
    _row("E04", "any host", "ALLOWED_HOSTS=* is refused", ALLOWED_HOSTS="holo.example.com, *"),
    _row(
        "E04",
        "the admin on a host that mailed links do not lead to",
        "PUBLIC_URL is not on a host of ADMIN_HOSTS",
        ADMIN_HOSTS="admin.example.com",
        PUBLIC_URL="https://www.example.com",
    ),
    *(
        _row(
            "E10",
            "no integer in the range",
            f"{name}='{value}' is not an integer from {allowed}",
            **{name: value},
        )
        for name, allowed in _INTEGERS.items()
        for value in ("ten", "-5", "1000000000", "1.5", "１２", "1_0")
    ),
    *(
        _row("E10", "no amount", f"ORDER_APPROVAL_THRESHOLD={value!r}", ORDER_APPROVAL_THRESHOLD=value)
        for value in ("x", "-1", "1.005", "1e5", "1,000", "", "9" * 30)
    ),
    *(
        _row("E05", "no address", f"{name} is not an address", **{name: value})
        for name in ("DATABASE_URL", "MIGRATE_DATABASE_URL", "REDIS_URL")
        for value in (f"mysql://a:{SECRET}@h/x", f"a:{SECRET}@h", f"postgres://a:{SECRET}@h:port/x", "x")
    ),
    *(
        _row("E05", "no database", f"{name} names no database", **{name: value})
        for name in ("DATABASE_URL", "MIGRATE_DATABASE_URL")
        for value in (
            "postgres://",
            "postgres://$DB",
            f"postgres://a:{SECRET}@h",
            "postgres://h/?sslmode=require",
        )
    ),
    *(
        _row(
            "E05",
            "a setting of the product's",
            f"DATABASE_URL sets {option}",
            DATABASE_URL=f"postgres:///x?{option}={value}",
        )
        for option, value in (("atomic_requests", "true"), ("conn_max_age", "$AGE"), ("autocommit", "0"))
    ),
    *(
        _row("E05", "what would be read as something else", says, DATABASE_URL=f"postgres://h/{value}")
        for value, says in (
            ("my+db", "DATABASE_URL has a + in the name of the database"),
            ("x?sslmode", "DATABASE_URL has an option without a value"),
            ("x?sslmode=", "DATABASE_URL has an option without a value"),
            ("x?sslmode=require&sslmode=disable", "or one twice"),
            ("x#y", "DATABASE_URL is not an address"),
            ("x?options=-c%20search_path%3Dprivate", "DATABASE_URL sets search_path"),
        )
    ),
    _row("E05", "no address", "REDIS_URL is not an address", REDIS_URL="redis://h/0#x"),
    *(
        _row("E05", "what no driver would take", f"DATABASE_URL{says}", DATABASE_URL=f"postgres://{value}")
        for value, says in (
            ("h/x?nosuch=1", " sets nosuch; only options of libpq"),
            ("h/x?pool=true", " sets pool; only options of libpq"),
            ("h/x?client_encoding=latin1", " sets client_encoding; only options of libpq"),
            ("h/x?sslmode=maybe", ": sslmode is none of: disable, allow, prefer, require,"),
            ("h/x?connect_timeout=soon", ": connect_timeout is not a number of at most nine digits"),
            ("u@h/x?user=v", " has an option without a value, or one twice"),
            (f"h/x?password=a+{SECRET}", " has a + in an option"),
            (f"h/{'x' * 64}", " names a database of more than 63 bytes"),
            ("a b/x", " is not an address"),
            ("h:0/x", " is not an address"),
        )
    ),
    *(
        _row("E05", "what no client of Valkey would take", f"REDIS_URL{says}", REDIS_URL=value)
        for value, says in (
            ("redis://h/0?foo=bar", " has an option that is none of: ssl_cert_reqs,"),
            # One of the two clients takes these, the other one fails.
            ("redis://h/0?socket_timeout=5", " has an option that is none of"),
            (f"redis://h/0?password={SECRET}", " has an option that is none of"),
            ("redis://h/0?ssl_cert_reqs=none", " has an option that is none of"),
            ("unix:///run/valkey.sock", " is not an address"),
            ("rediss://h/0?ssl_cert_reqs=sometimes", ": ssl_cert_reqs is none of: required, optional, none"),
            ("rediss://h/0?ssl_ca_certs=manage.py", ": ssl_ca_certs is not a file of certificates in PEM"),
            ("rediss://h/0?ssl_certfile=manage.py", ": ssl_certfile and ssl_keyfile are not a certificate"),
            ("REDIS://h/0", " is not an address"),
            ("redis:0", " is not an address"),
            ("redis:///0", " is not an address"),
            ("redis://h:0/0", " is not an address"),
            ("redis://h/999999", " is not an address"),
        )
    ),
    *(
        _row("E05", "no file of the kind", says, TEMPORAL_TLS="1", **values)
        for says, values in (
            (
                "TEMPORAL_TLS_SERVER_CA_CERT_PATH is not a file of certificates in PEM",
                {"TEMPORAL_TLS_SERVER_CA_CERT_PATH": "manage.py"},
            ),
            (
                "TEMPORAL_TLS_CLIENT_KEY_PATH are not a certificate in PEM and its key",
                {"TEMPORAL_TLS_CLIENT_CERT_PATH": "manage.py", "TEMPORAL_TLS_CLIENT_KEY_PATH": "manage.py"},
            ),
        )
    ),
    *(
        _row("E10", "no class", f"{name}={value!r} is not the path of a class", **{name: value})
        for name in ("PAYMENT_GATEWAY", "CARRIER")
        for value in ("Gateway", "$PATH.Gateway", " shop.Gateway", "shop:Gateway", "shop..Gateway")
    ),
    _row("E04", "no host", "ALLOWED_HOSTS names no host", ALLOWED_HOSTS=""),
    *(
        _row(
            "E04",
            "a host that is not served",
            "ADMIN_HOSTS names a host that ALLOWED_HOSTS",
            ADMIN_HOSTS=value,
        )
        for value in ("admin.example.com", "holo.example.com,admin.example.com", ".example.com")
    ),
    *(
        _row("E04", "no host", f"TEMPORAL_TLS_SERVER_NAME={value!r}", TEMPORAL_TLS_SERVER_NAME=value)
        for value in ("temporal:7233", "https://h", "a b", "*.h", ".h")
    ),
    _row("E04", "no host", "ALLOWED_HOSTS names no host", ALLOWED_HOSTS=" , "),
    *(
        _row("E10", "a control character", f"{name} has a control character, {char},", **{name: value})
        for name in (
            "SECRET_KEY",
            "TEMPORAL_NAMESPACE",
            "TEMPORAL_TLS_SERVER_NAME",
            "CARRIER",
            "METRICS_TOKEN",
        )
        for value, char in ((f"{BASE['SECRET_KEY']}\n", "U+000A"), (f"{BASE['SECRET_KEY']}\x1b[1m", "U+001B"))
    ),
    *(
        _row("E10", "a control character", f"{name} has a control character, {char}", **{name: value})
        for name, value, char in (
            ("DATABASE_URL", f"postgres://u:{SECRET}\t@h/x", "U+0009"),
            ("REDIS_URL", f"redis://:{SECRET}\n@h/0", "U+000A"),
            ("EMAIL_URL", f"smtp://u:{SECRET}\r@h:25", "U+000D"),
            ("PUBLIC_URL", "https://h\u2028x", "U+2028"),
            ("RATE_USER", "1\n0/1:1", "U+000A"),
            ("ENABLE_DOMAINS", "orders,us\x7fers", "U+007F"),
        )
    ),
    *(
        _row(
            "E10",
            "bytes that are no text",
            f"{name} has no UTF-8 at position 51",
            **{name: f"{'ab12-' * 10}\udcff"},
        )
        for name in ("SECRET_KEY", "METRICS_TOKEN", "TEMPORAL_NAMESPACE", "CARRIER", "DEFAULT_FROM_EMAIL")
    ),
    *(
        _row(
            "E10",
            "a token that no header carries",
            "METRICS_TOKEN has characters beyond ASCII",
            METRICS_TOKEN=value,
        )
        for value in ("tökén-of-many-letters", " token ", "\U0001f600")
    ),
    *(
        _row("E05", "no database", "REDIS_URL is not an address", REDIS_URL=value)
        for value in ("redis://h/$DB", "redis://h/x", "rediss://h/0/1", "redis://h/-1")
    ),
    *(
        _row("E05", "no address", f"{name} is not an address", **{name: value})
        for name in ("PUBLIC_URL", "TEMPORAL_UI_URL")
        for value in (
            "https://",
            "https:h",
            "https://h/?x=$1",
            "https://h/#x",
            f"https://a:{SECRET}@h",
            "ftp://h",
            *("https://h?", "https://h x", "https://h/a b", "https://bücher.example", "https://h\u200b"),
            *("https://h:0", "https://h:65536", "https://<b>", "https://h\\x", 'https://h"x', "https://h/ä"),
        )
    ),
    *(
        _row("E04", "no host", f"{name}: {value!r} is not a host", **{name: value})
        for name in ("ALLOWED_HOSTS", "ADMIN_HOSTS")
        for value in ("$HOST", "https://h", "h:8000", "*.h", "bücher.example", "h.", "[::1]:80", "a b", "-")
    ),
    *(
        _row(
            "E04",
            "no origin",
            f"CSRF_TRUSTED_ORIGINS: {value!r} is not an origin",
            CSRF_TRUSTED_ORIGINS=value,
        )
        for value in (
            *("h", "$ORIGIN", "https://", "https://h/", "https://h/path", "ftp://h"),
            # Django fails at each form because of the first; no browser sends the others.
            *("https://[x", "https://H", "https://h:443", "http://h:80", "https://a@h", "https://h."),
            "https://h:65536",
        )
    ),
    *(
        _row("E05", "no address", "TEMPORAL_ADDRESS is not a host with a port", TEMPORAL_ADDRESS=value)
        for value in (
            "localhost",
            "h:port",
            ":7233",
            f"a:{SECRET}@h:1",
            "http://h:1",
            "h:0",
            "h:1/x",
            "h:1?x",
            "h:1#x",
        )
    ),
    _row("E05", "no address", "EMAIL_URL is not an address", EMAIL_URL=f"carrier-pigeon://a:{SECRET}@h"),
    _row("E05", "no address", "EMAIL_URL is not an address", EMAIL_URL=f"smtp://a:{SECRET}@h:port"),
    *(
        _row("E05", "no address", "EMAIL_URL is not an address", EMAIL_URL=value)
        for value in (
            *("", "smtp://", "$MAIL", "smtp://h?timeout=$X", "smtp://h?use_tls=false", "smtp://h?ssl=true"),
            *(f"smtp://a:1#{SECRET}@h:25", "smtp://h:0", "smtp+tls://h h"),
        )
    ),
    *(
        _row("E05", "no sender", "is not an e-mail address such as", DEFAULT_FROM_EMAIL=value)
        for value in ("nobody", "a@b", "a@example.com, b@example.com", "A <a@example.com> b")
    ),
    *(
        _row(
            "E10",
            "a control character",
            "DEFAULT_FROM_EMAIL has a control character",
            DEFAULT_FROM_EMAIL=value,
        )
        for value in ("Holo <a@example.com\nBcc: b@example.com>", '"a\x01"@example.com')
    ),
    *(
        _row("E05", "a path that mail would not go to", f"EMAIL_URL {says}", EMAIL_URL=value)
        for value, says in (
            ("filemail:///var/mail", "is not filemail: with four slashes"),
            ("filemail:mail", "is not filemail: with four slashes"),
            ("filemail:////var/c++", "is not filemail: with four slashes"),
            ("smtp://h:25/path", "has a path after the host"),
            ("smtp+tls://user@h", "has a user without a password, or the reverse"),
            (f"smtp+tls://:{SECRET}@h", "has a user without a password, or the reverse"),
        )
    ),
    _row("E05", "no key ring", "SECRETS_KEYRING: entry 1 is not id:base64", SECRETS_KEYRING=SECRET),
    _row(
        "E05",
        "no key ring",
        "SECRETS_KEYRING: the key k1 has 5 bytes, not 32",
        SECRETS_KEYRING="k1:aHVudGU=",
    ),
    _row(
        "E05",
        "no key ring",
        "SECRETS_KEYRING: cannot read /no/such/file",
        SECRETS_KEYRING="",
        SECRETS_KEYRING_FILE="/no/such/file",
    ),
    _row("E05", "no key ring", "TEMPORAL_KEYRING: entry 1 is not id:base64", TEMPORAL_KEYRING=SECRET),
    _row(
        "E05",
        "one key in both rings",
        "TEMPORAL_KEYRING has a key of SECRETS_KEYRING",
        SECRETS_KEYRING=f"k1:{_RING_KEY}",
        TEMPORAL_KEYRING=f"t1:{_RING_KEY}",
    ),
    *(
        _row("E05", "no file of breached passwords", says, BREACHED_PASSWORDS_FILE=value)
        for value, says in (
            ("/no/such/file", "BREACHED_PASSWORDS_FILE: cannot read /no/such/file: FileNotFoundError"),
            ("/usr", "BREACHED_PASSWORDS_FILE: cannot read /usr: IsADirectoryError"),
            ("/dev/null", "BREACHED_PASSWORDS_FILE: a line is not the SHA-1 of a password in hex"),
            ("manage.py", "BREACHED_PASSWORDS_FILE: a line is not the SHA-1 of a password in hex"),
        )
    ),
    *(
        _row("E10", "no queue by domain", f"TASK_QUEUES={shown!r} is not one name=value", TASK_QUEUES=value)
        for value, shown in (("hello", "hello"), ("a=b,c=", "c="), ("a=b c", "a=b c"), ("a=b,a=c", "a=c"))
    ),
    _row("E10", "none of the values", "LOG_FORMAT='xml' is none of: json, text", LOG_FORMAT="xml"),
    _row("E10", "none of the values", "LOG_LEVEL='LOUD' is none of: DEBUG", LOG_LEVEL="LOUD"),
)
