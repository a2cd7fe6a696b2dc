"""Reads variables of the environment strictly, and tells everything that is wrong with them at once.

The settings are its only reader. A value that is not understood is never taken for its opposite or a default,
and every one is taken literally: to django-environ's own readers, `$NAME` is the value of another variable.
"""

import builtins
import os
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta
from email.utils import parseaddr
from urllib.parse import SplitResult, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.mail.message import sanitize_address

from holo.common.addresses import validate_address
from holo.common.characters import escaped, holds_control
from holo.common.errors import RequestError
from holo.common.money import parse_amount
from holo.common.rates import Rate, RateError, parse_rate
from holo.identity.breaches import BreachesError, check_breaches
from holo.secretstore.keyring import Keyring, KeyringError, read_keyring
from holo.server_urls import faults_of_database, faults_of_redis

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_TRUE = frozenset({"1", "true", "yes", "on", "y", "ok"})
_FALSE = frozenset({"0", "false", "no", "off", "n"})
_PAIR = re.compile(r"([A-Za-z0-9_-]+)\s*=\s*([^\s=,]+)")
# What Django compares a Host header with: ASCII, without scheme and port, perhaps with a dot before it.
_HOST = re.compile(r"\*|\.?[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\]")
# As browsers send it. Django compares whole texts, and fails at each form where it cannot split one.
_OF_ORIGIN = r"(?:(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])"
_ORIGIN = re.compile(
    rf"(?:https://{_OF_ORIGIN}(?!:443$)|http://{_OF_ORIGIN}(?!:80$))(?::[1-9][0-9]{{0,4}})?", re.ASCII
)
# What a link in mail or on a page begins with: RFC 3986 without user, query and fragment.
_WEB_URL = re.compile(
    r"https?://[a-z0-9._:\[\]-]+(?:/[a-z0-9._~%!$&'()*+,;=:@/-]*)?", re.ASCII | re.IGNORECASE
)
# What an Authorization header carries as it is.
_TOKEN = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_SHOWN = 64
# As many as Django's own check asks for.
_SHORTEST_KEY = 50
# What django-environ makes of the URL of mail; all else comes from its query.
_OF_MAIL = frozenset(
    {"EMAIL_BACKEND", "EMAIL_FILE_PATH", "EMAIL_HOST", "EMAIL_HOST_PASSWORD", "EMAIL_HOST_USER", "EMAIL_PORT"}
)
_DJANGOS_SMTP = "django.core.mail.backends.smtp.EmailBackend"


class Environment:
    """The variables of this process; what does not fit is noted in `problems`, in one line each."""

    def __init__(self, problems: builtins.list[builtins.str]) -> None:
        self._problems = problems

    def str(self, name: builtins.str, *, default: builtins.str) -> builtins.str:
        """Return a text, as it is."""
        text = self._read(name)
        return default if text is None else text

    def token(self, name: builtins.str, *, default: builtins.str) -> builtins.str:
        """Return what callers send in the header Authorization."""
        text = self.str(name, default=default)
        if text and not _TOKEN.fullmatch(text):
            self._problems.append(
                f"{name} has characters beyond ASCII, or blanks around it; no header carries them"
            )
        return text

    def name(self, name: builtins.str, *, default: builtins.str) -> builtins.str:
        """Return a text that is never empty: without a value the variable counts as not given."""
        return self._read(name) or default

    def dotted(self, name: builtins.str, *, default: builtins.str) -> builtins.str:
        """Return the path of a class; without a value the variable counts as not given."""
        text = self.name(name, default=default)
        if text and not ("." in text and all(map(builtins.str.isidentifier, text.split(".")))):
            self._problems.append(
                f"{name}={_shown(text)} is not the path of a class, such as shop.adapters.Own"
            )
        return text

    def list(
        self, name: builtins.str, *, default: builtins.list[builtins.str]
    ) -> builtins.list[builtins.str]:
        """Return texts that stand with commas between."""
        text = os.environ.get(name)
        if text is None:
            return default
        parts = filter(None, map(builtins.str.strip, text.split(",")))
        return [self._fit(name, part) for part in parts]

    def hosts(
        self, name: builtins.str, *, default: builtins.list[builtins.str]
    ) -> builtins.list[builtins.str]:
        """Return names of hosts, as a Host header has them without its port; `*` is any."""
        return self._matching(
            name, _HOST, "a host such as holo.example.com, without scheme and port", default
        )

    def host(self, name: builtins.str, *, default: builtins.str) -> builtins.str:
        """Return the name of one host; empty if unset."""
        text = self.str(name, default=default)
        if text and (text[0] in "*." or not _HOST.fullmatch(text)):
            self._problems.append(f"{name}={_shown(text)} is not a host such as temporal.example.com")
        return text

    def origins(
        self, name: builtins.str, *, default: builtins.list[builtins.str]
    ) -> builtins.list[builtins.str]:
        """Return origins, as a browser sends them."""
        expected = "an origin such as https://holo.example.com, in lower case and without a default port"
        return self._matching(name, _ORIGIN, expected, default)

    def _matching(
        self,
        name: builtins.str,
        form: re.Pattern[builtins.str],
        expected: builtins.str,
        default: builtins.list[builtins.str],
    ) -> builtins.list[builtins.str]:
        found = self.list(name, default=default)
        self._problems += [
            f"{name}: {_shown(part)} is not {expected}"
            for part in found
            if not form.fullmatch(part) or not _split(part)
        ]
        return found

    def pairs(
        self, name: builtins.str, *, default: dict[builtins.str, builtins.str]
    ) -> dict[builtins.str, builtins.str]:
        """Return texts by name, of `name=text` with commas between."""
        found: dict[builtins.str, builtins.str] = {}
        for part in filter(None, map(builtins.str.strip, self._given(name).split(","))):
            pair = _PAIR.fullmatch(part)
            if pair is None or pair[1] in found:
                self._problems.append(f"{name}={_shown(part)} is not one name=value for each name")
                return default
            found[pair[1]] = pair[2]
        return found or default

    def int(
        self, name: builtins.str, *, default: builtins.int, low: builtins.int, high: builtins.int
    ) -> builtins.int:
        """Return an integer from `low` to `high`."""
        text = self._given(name)
        if not text:
            return default
        if _INTEGER.fullmatch(text) and low <= int(text) <= high:
            return int(text)
        self._problems.append(f"{name}={_shown(text)} is not an integer from {low} to {high}")
        return default

    def seconds(
        self, name: builtins.str, *, default: builtins.int, low: builtins.int, high: builtins.int
    ) -> timedelta:
        """Return a time that is given in seconds."""
        return timedelta(seconds=self.int(name, default=default, low=low, high=high))

    def bool(self, name: builtins.str, *, default: builtins.bool) -> builtins.bool:
        """Return yes or no."""
        text = self._given(name)
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        if text:
            self._problems.append(f"{name}={_shown(text)} is neither 1 nor 0")
        return default

    def choice(
        self, name: builtins.str, *, default: builtins.str, choices: Collection[builtins.str]
    ) -> builtins.str:
        """Return one of `choices`."""
        text = self._given(name) or default
        if text in choices:
            return text
        self._problems.append(f"{name}={_shown(text)} is none of: {', '.join(choices)}")
        return default

    def url(
        self, name: builtins.str, *, default: builtins.str, schemes: Collection[builtins.str]
    ) -> builtins.str:
        """Return an address of one of `schemes`; a complaint never shows it, for it may hold a password."""
        text = self._given(name)
        if not text:
            return default
        parts = _split(text)
        if parts is not None and parts.scheme in schemes and _is_whole(text, parts):
            return text
        self._problems.append(f"{name} is not an address such as {next(iter(schemes))}://host:port/…")
        return default

    def database(self, name: builtins.str, *, default: builtins.str) -> builtins.str:
        """Return the address of a database of PostgreSQL."""
        url = self.url(name, default=default, schemes=("postgres", "postgresql"))
        self._problems += faults_of_database(name, url) if url else ()
        return url

    def redis(self, name: builtins.str, *, default: builtins.str) -> builtins.str:
        """Return the address of Valkey or Redis."""
        url = self.url(name, default=default, schemes=("redis", "rediss"))
        self._problems += faults_of_redis(name, url)
        return url

    def address(self, name: builtins.str, *, default: builtins.str) -> builtins.str:
        """Return a host with a port."""
        text = self._given(name) or default
        parts = _split(f"//{text}")
        if parts is None or not parts.hostname or not parts.port or parts.netloc != text or "@" in text:
            self._problems.append(f"{name} is not a host with a port, such as {default}")
        return text

    def rate(self, name: builtins.str, *, default: builtins.str) -> Rate | None:
        """Return how often something may happen, None for `off`."""
        try:
            return parse_rate(self._given(name) or default)
        except RateError as error:
            self._problems.append(f"{name}: {error}")
            return None

    def amount(self, name: builtins.str, *, default: builtins.str, currency: builtins.str) -> builtins.str:
        """Return an amount of money as it is given."""
        text = self.str(name, default=default)
        try:
            parse_amount(text, currency=currency)
        except RequestError as error:
            self._problems.append(f"{name}={_shown(text)}: {error.message}")
        return text

    def breaches(self, name: builtins.str, *, default: builtins.str) -> builtins.str:
        """Return the path of a file of breached passwords; empty for none."""
        path = self._given(name) or default
        try:
            return check_breaches(path) if path else ""
        except BreachesError as error:
            self._problems.append(f"{name}: {error}")
            return default

    def file(self, name: builtins.str, *, default: builtins.str) -> builtins.str:
        """Return the path of a file that can be read; empty if unset."""
        path = self.str(name, default=default)
        if path and not (os.path.isfile(path) and os.access(path, os.R_OK)):
            self._problems.append(f"{name} must be the path of a file that can be read, not {_shown(path)}")
        return path

    def keyring(self, name: builtins.str, *, default: builtins.str, file: builtins.str) -> Keyring:
        """Return the ring that a variable or a file gives, an empty one where it is none."""
        try:
            return read_keyring(text=os.environ.get(name, default), file=file)
        except KeyringError as error:
            self._problems.append(f"{name}: {error}")
            return Keyring()

    def email_url(self, name: builtins.str, *, default: builtins.str) -> dict[builtins.str, object]:
        """Return Django's mail settings of an address; SMTP has a limit on each attempt as a whole."""
        text = self.str(name, default=default)
        try:
            found = dict(environ.Env.email_url_config(text))
            parts = _split(text)
            if not parts or parts.fragment or not all(isinstance(v, int) for v in _options_of(found)):
                raise ImproperlyConfigured
        except (ImproperlyConfigured, ValueError):
            self._problems.append(f"{name} is not an address such as smtp+tls://user:password@host:587")
            return dict(environ.Env.email_url_config(default))
        self._problems += [f"{name} {fault}" for fault in _faults_of_mail(urlsplit(text).path, found)]
        if found["EMAIL_BACKEND"] == _DJANGOS_SMTP:
            found["EMAIL_BACKEND"] = "holo.deliveries.smtp.BoundedEmailBackend"
        return found

    def sender(self, name: builtins.str, *, default: builtins.str) -> builtins.str:
        """Return an e-mail address, perhaps with a name before it, as in `Holo <holo@example.com>`."""
        text = self._given(name) or default
        try:
            validate_address(parseaddr(text)[1])
            sanitize_address(text, "utf-8")
        except (ValidationError, ValueError):
            self._problems.append(f"{name}={_shown(text)} is not an e-mail address such as {default}")
            return default
        return text

    def _given(self, name: builtins.str) -> builtins.str:
        return self._fit(name, os.environ.get(name, "").strip())

    def _read(self, name: builtins.str) -> builtins.str | None:
        text = os.environ.get(name)
        return text if text is None else self._fit(name, text)

    def _fit(self, name: builtins.str, text: builtins.str) -> builtins.str:
        """Return a text in one line; note the first character that no variable may have."""
        for place, char in enumerate(text, 1):
            if holds_control(char) or "\ud800" <= char <= "\udfff":
                what = f"a control character, U+{ord(char):04X}," if char < "\ud800" else "no UTF-8"
                self._problems.append(f"{name} has {what} at position {place}")
                return escaped(text)
        return text


def _faults_of_mail(path: str, found: dict[str, object]) -> Iterator[str]:
    """Yield what is wrong with the URL of mail: half a log-in, a path that is read in another way."""
    if bool(found["EMAIL_HOST_USER"]) != bool(found["EMAIL_HOST_PASSWORD"]):
        yield "has a user without a password, or the reverse; mail would be sent without a log-in"
    if not str(found["EMAIL_BACKEND"]).endswith(".filebased.EmailBackend"):
        if path.strip("/"):
            yield "has a path after the host, which means nothing; leave it out"
    elif not path.startswith("//") or "+" in path:
        yield "is not filemail: with four slashes and an absolute path, such as filemail:////var/mail/holo"


def refuse(problems: list[str]) -> None:
    """Raise ImproperlyConfigured with everything that was noted, in one line, if anything was."""
    if problems:
        raise ImproperlyConfigured("; ".join(map(escaped, problems)))


def faults_of_secret_keys(current: str, earlier: Iterable[str], *, debug: bool) -> Iterator[str]:
    """Yield what is wrong with SECRET_KEY and SECRET_KEY_FALLBACKS; with `debug` they may be weak."""
    if not current:
        yield "SECRET_KEY is not set; set it, or set DEBUG=1 on a development machine"
    if "," in current and not debug:
        yield "SECRET_KEY contains a comma, which separates keys in SECRET_KEY_FALLBACKS; choose another"
    for name, keys in (("SECRET_KEY", filter(None, [current])), ("SECRET_KEY_FALLBACKS", earlier)):
        if not debug and any(map(_is_weak, keys)):
            yield f"{name} is too weak without DEBUG=1; use {_SHORTEST_KEY} random characters or more"


def _is_weak(key: str) -> bool:
    # A text that repeats itself is as easy to guess as what it repeats: shifted by that, it is itself again.
    return len(key) < _SHORTEST_KEY or len(set(key)) < 5 or key in (key + key)[1:-1]


def _split(text: str) -> SplitResult | None:
    """Return the parts of an address; None if its port is no number, or its host has a blank in it.

    Port 0 is none either: clients take it for their default.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if port == 0 or any(map(str.isspace, parts.netloc.rpartition("@")[2])):
        return None
    return parts


def _options_of(mail: dict[str, object]) -> Iterator[object]:
    """Yield what the query of EMAIL_URL sets; what is no number, Django takes for yes or does not read."""
    yield from (mail[name] for name in mail if name not in _OF_MAIL)
    if mail["EMAIL_BACKEND"] == _DJANGOS_SMTP and not mail["EMAIL_HOST"]:
        yield None


def _is_whole(text: str, parts: SplitResult) -> bool:
    """Tell whether an address has all that addresses of its scheme need, and nothing that is dropped."""
    if parts.scheme in ("http", "https"):
        return bool(parts.hostname) and _WEB_URL.fullmatch(text) is not None
    if parts.fragment:
        return False
    # The clients compare the scheme as it is.
    return text.startswith(f"{parts.scheme}://")


def _shown(text: str) -> str:
    return repr(text[:_SHOWN])
