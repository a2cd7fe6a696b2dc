"""What the URLs of PostgreSQL and of Valkey may say, and what the settings make of them.

A driver refuses an option that it does not know only when it connects, which looks as if the server were
away. So the URLs are read here, before a process starts.
"""

import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import environ

from holo.tls_files import are_certificates, is_pair

# Options of libpq that the product sets itself, or that would take the place of another part of the URL.
_TAKEN = frozenset({"client_encoding", "dbname"})
_NUMBERS = (
    "connect_timeout",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "port",
    "tcp_user_timeout",
)
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
# PostgreSQL cuts longer names, and Django refuses them at the first query.
_LONGEST_NAME = 63
# A server that vanishes without a word is given up after some 25 s: an idle connection is asked after 10 s
# and then every 5 s, and what was sent has to arrive within 20 s.
_LOST_AFTER = {
    "connect_timeout": 3,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# What both clients of Valkey understand: that of the limits, and Celery's. Celery fails at every other one.
_OF_TLS = {
    "ssl_cert_reqs": ("required", "optional", "none"),
    "ssl_check_hostname": ("true", "false"),
    "ssl_ca_certs": (),
    "ssl_certfile": (),
    "ssl_keyfile": (),
}
# Another name of a database is silently read as the first one.
_REDIS_DATABASE = re.compile(r"/?[0-9]{0,5}", re.ASCII)


def database(url: str) -> dict[str, Any]:
    """Return Django's settings of one PostgreSQL URL, with kept connections that are checked before use."""
    parsed: dict[str, Any] = dict(environ.Env.db_url_config(url))
    # As they are given: django-environ makes a number of what looks like one, and `0123` is a password too.
    given = dict(_options(url))
    parsed["ENGINE"] = "holo.common.postgres"
    parsed["CONN_MAX_AGE"] = 60
    parsed["CONN_HEALTH_CHECKS"] = True
    parsed["OPTIONS"] = {
        **_LOST_AFTER,
        "application_name": "holo",
        **given,
        # Nothing temporary ever stands in for a table, whatever the role's own path says.
        "options": f"{given.get('options', '')} -c search_path=public,pg_temp".strip(),
    }
    return parsed


def faults_of_database(name: str, url: str) -> Iterator[str]:
    """Yield what is wrong with the URL of a database: its name or an option. Passwords are not shown."""
    parts = urlsplit(url)
    given = _options(url)
    options = dict(given)
    database_name = unquote(parts.path.lstrip("/"))
    twice = {"user": parts.username, "password": parts.password, "host": parts.hostname, "port": parts.port}
    if not database_name and "service" not in options:
        yield f"{name} names no database; it ends in one, such as postgres://host:port/holo"
    if len(database_name.encode()) > _LONGEST_NAME:
        yield f"{name} names a database of more than {_LONGEST_NAME} bytes"
    if "+" in parts.path:
        yield f"{name} has a + in the name of the database, which is read as a blank; write %2B"
    if "+" in parts.query:
        yield f"{name} has a + in an option, which is read as a blank; write %20 for a blank, %2B for a +"
    if options and (unknown := sorted(options.keys() - _of_libpq())):
        yield f"{name} sets {', '.join(unknown)}; only options of libpq can be given there"
    if len(given) > len(options) or not all(options.values()) or any(map(twice.get, options)):
        yield f"{name} has an option without a value, or one twice"
    if "search_path" in options.get("options", ""):
        yield f"{name} sets search_path; the tables are in public"
    for option in _NUMBERS:
        if option in options and not _NUMBER.fullmatch(options[option]):
            yield f"{name}: {option} is not a number of at most nine digits"
    yield from _unlisted(name, options, {"sslmode": _SSL_MODES})


def faults_of_redis(name: str, url: str) -> Iterator[str]:
    """Yield what is wrong with the URL of Valkey: its database, or an option that a client does not know."""
    parts = urlsplit(url)
    given = _options(url)
    options = dict(given)
    if not parts.hostname or not _REDIS_DATABASE.fullmatch(parts.path):
        yield f"{name} is not an address such as redis://host:port/0"
    allowed = _OF_TLS if parts.scheme == "rediss" else {}
    if options.keys() - allowed.keys():
        yield f"{name} has an option that is none of: {', '.join(_OF_TLS)}, with rediss:// alone"
    if len(given) > len(options) or not all(options.values()):
        yield f"{name} has an option without a value, or one twice"
    yield from _unlisted(name, options, {option: values for option, values in _OF_TLS.items() if values})
    authority, key = options.get("ssl_ca_certs"), options.get("ssl_keyfile")
    if authority and not are_certificates(authority):
        yield f"{name}: ssl_ca_certs is not a file of certificates in PEM"
    certificate = options.get("ssl_certfile")
    if bool(certificate) != bool(key) or (certificate and key and not is_pair(certificate, key)):
        yield f"{name}: ssl_certfile and ssl_keyfile are not a certificate in PEM and its key"


def broker_tls(url: str) -> dict[str, Any] | None:
    """Return Celery's setting of TLS to Valkey: certificates are checked, unless the URL says otherwise.

    Celery would believe any certificate. What the URL says takes the place of all that is returned here.
    """
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED} if urlsplit(url).scheme == "rediss" else None


def _of_libpq() -> frozenset[str]:
    # Not at the top: most URLs have no options, and many commands ask no database.
    from psycopg.pq import Conninfo

    return frozenset(option.keyword.decode() for option in Conninfo.get_defaults()) - _TAKEN


def _options(url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(url).query, keep_blank_values=True)


def _unlisted(name: str, options: Mapping[str, str], listed: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for option, values in listed.items():
        if options.get(option) and options[option] not in values:
            yield f"{name}: {option} is none of: {', '.join(values)}"
