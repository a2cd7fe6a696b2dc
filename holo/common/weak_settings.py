"""What is weak in production and what to do: one table for the processes, `check --deploy` and `doctor`.

With DEBUG=1 nothing is weak: a development machine runs on stand-ins. What the settings themselves refuse,
whatever the command, is in `holo/settings.py`: a SECRET_KEY that is short, DEMO=1, ALLOWED_HOSTS=*.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.db import DatabaseError
from django.utils.functional import Promise
from django.utils.translation import gettext as now_in
from django.utils.translation import gettext_lazy as _

from holo.common import published

_SANDBOX = "orders.sandbox."
# Parts of Django whose mail reaches nobody.
_NO_MAIL = frozenset({"console", "dummy", "filebased", "locmem"})
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_SHORTEST_TOKEN = 16
# As Django asks of SECRET_KEY.
_FEWEST_CHARACTERS = 5
# 32 random bytes have more different ones.
_FEWEST_BYTES = 17
# RFC 2606 and 6761: nobody gets or sends mail there.
_NOBODYS = re.compile(r"(?:.*\.)?(?:example(?:\.(?:com|net|org))?|test|invalid|localhost)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a setting is weak, what that means and what to do; `refused`: no process serves with it."""

    setting: str
    is_weak: Callable[[Any], bool]
    what: Promise
    todo: Promise
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakSetting:
    """A setting that is weak as it is now, in the language of the moment."""

    setting: str
    what: str
    todo: str
    refused: bool

    @property
    def detail(self) -> str:
        """Return what that means and what to do."""
        return now_in("%(what)s; %(todo)s") % {"what": self.what, "todo": self.todo}

    @property
    def line(self) -> str:
        """Return all of it in one line."""
        return f"{self.setting} {self.detail}"


def _stand_in(setting: str, effect: Promise) -> Iterator[Rule]:
    """Yield the rules of a partner: named at all, no sandbox unless that is allowed, and then said still."""
    name = _("name your adapter, written against orders/ports.py")
    yield Rule(
        setting=setting,
        is_weak=lambda given: not getattr(given, setting),
        what=_("is not set"),
        todo=name,
        refused=True,
    )
    yield Rule(
        setting=setting,
        is_weak=lambda given: _is_sandbox(getattr(given, setting)) and not given.ALLOW_SANDBOX,
        what=effect,
        todo=_("name your adapter, or set ALLOW_SANDBOX=1 where nothing is sold"),
        refused=True,
    )
    yield Rule(
        setting=setting,
        is_weak=lambda given: _is_sandbox(getattr(given, setting)) and given.ALLOW_SANDBOX,
        what=effect,
        todo=name,
    )


def _is_sandbox(path: str) -> bool:
    return path.startswith(_SANDBOX)


def _published(setting: str, secrets: Callable[[Any], Sequence[str | None]], todo: Promise) -> Rule:
    return Rule(
        setting=setting,
        # A blank beside it is no other secret to whoever guesses.
        is_weak=lambda given: any((secret or "").strip() in published.SECRETS for secret in secrets(given)),
        what=_("has a value that everybody can read in Holo's source code"),
        todo=todo,
        refused=True,
    )


def _published_key(setting: str, ring: str) -> Rule:
    return Rule(
        setting=setting,
        is_weak=lambda given: not published.KEYS.isdisjoint(getattr(given, ring).keys.values()),
        what=_("has a key that everybody can read in Holo's source code"),
        todo=_("make another one with `manage.py secrets new-key`"),
        refused=True,
    )


def _typed_key(setting: str, ring: str) -> Rule:
    """Return the rule of a key that seals: older ones stay in the ring until nothing is sealed by them."""

    def is_weak(given: Any) -> bool:
        found = getattr(given, ring)
        key = found.keys.get(found.current, b"")
        is_text = key.isascii() and key.decode("ascii").isprintable()
        return key != b"" and (is_text or len(set(key)) < _FEWEST_BYTES)

    return Rule(
        setting=setting,
        is_weak=is_weak,
        what=_("begins with a key that is a text or a repetition, which can be guessed"),
        todo=_("put a new one before it, made with `manage.py secrets new-key`"),
        refused=True,
    )


def _passwords_of(url: str) -> list[str]:
    """Return the password before the host, and what is given in its place after the question mark."""
    parts = urlsplit(url)
    return [unquote(parts.password or ""), *parse_qs(parts.query).get("password", ())]


def _domain_of(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2]


def _rate(name: str) -> Rule:
    return Rule(
        setting=f"RATE_{name.upper()}",
        is_weak=lambda given: given.RATES[name] is None,
        what=_("is off, so nothing slows a caller down"),
        todo=_("remove it for the default, or give a rate such as 1000/10:2000"),
    )


def _named_like_its_role(setting: str) -> Rule:
    def is_weak(given: Any) -> bool:
        address = getattr(given, setting)
        user = unquote(urlsplit(address).username or "")
        return user != "" and user in _passwords_of(address)

    return Rule(
        setting=setting,
        is_weak=is_weak,
        what=_("has a password that is the name of its role"),
        todo=_PASSWORD,
    )


_RANDOM = _("use 50 random characters or more: openssl rand -base64 48")
_PASSWORD = _("give the role another password: openssl rand -hex 24")
RULES: tuple[Rule, ...] = (
    *_stand_in("PAYMENT_GATEWAY", _("is the sandbox, which moves no money: orders ship unpaid")),
    *_stand_in("CARRIER", _("is the sandbox, which sends nothing: parcels are handed over to nobody")),
    _published("SECRET_KEY", lambda given: [given.SECRET_KEY], _RANDOM),
    _published("SECRET_KEY_FALLBACKS", lambda given: given.SECRET_KEY_FALLBACKS, _("remove it")),
    Rule(
        setting="SECRETS_KEYRING",
        is_weak=lambda given: not given.KEYRING.current,
        what=_("is not set, so nobody can enrol a second factor and no secret can be kept"),
        todo=_("make an entry with `manage.py secrets new-key k1`"),
        refused=True,
    ),
    _published_key("SECRETS_KEYRING", "KEYRING"),
    _typed_key("SECRETS_KEYRING", "KEYRING"),
    Rule(
        setting="TEMPORAL_KEYRING",
        is_weak=lambda given: not given.TEMPORAL_KEYRING.current,
        what=_("is not set, so whoever reads Temporal or a backup of its store reads payloads"),
        todo=_("make an entry of its own with `manage.py secrets new-key t1`"),
    ),
    _published_key("TEMPORAL_KEYRING", "TEMPORAL_KEYRING"),
    _typed_key("TEMPORAL_KEYRING", "TEMPORAL_KEYRING"),
    _published(
        "DATABASE_URL",
        # libpq takes PGPASSWORD where the address has no password.
        lambda given: [
            given.DATABASES["default"]["PASSWORD"],
            *_passwords_of(given.DATABASE_URL),
            os.environ.get("PGPASSWORD"),
        ],
        _PASSWORD,
    ),
    *map(_named_like_its_role, ("DATABASE_URL", "MIGRATE_DATABASE_URL")),
    _published("MIGRATE_DATABASE_URL", lambda given: _passwords_of(given.MIGRATE_DATABASE_URL), _PASSWORD),
    _published("REDIS_URL", lambda given: _passwords_of(given.REDIS_URL), _("give Valkey another password")),
    _published(
        "EMAIL_URL", lambda given: [given.EMAIL_HOST_PASSWORD], _("use the mail server's own password")
    ),
    _published("METRICS_TOKEN", lambda given: [given.METRICS_TOKEN], _RANDOM),
    Rule(
        setting="METRICS_TOKEN",
        is_weak=lambda given: not given.METRICS_TOKEN,
        what=_("is not set, so whoever reaches the web process from its own machine reads /metrics"),
        todo=_("set it, and have Prometheus send it"),
    ),
    Rule(
        setting="METRICS_TOKEN",
        is_weak=lambda given: (
            given.METRICS_TOKEN.strip() not in {"", *published.SECRETS}
            and (
                len(given.METRICS_TOKEN) < _SHORTEST_TOKEN
                or len(set(given.METRICS_TOKEN)) < _FEWEST_CHARACTERS
            )
        ),
        what=_("can be guessed"),
        todo=_RANDOM,
    ),
    Rule(
        setting="METRICS_TOKEN",
        is_weak=lambda given: given.METRICS_TOKEN in (given.SECRET_KEY, *given.SECRET_KEY_FALLBACKS),
        what=_("is the SECRET_KEY, so whoever may read /metrics can forge sessions"),
        todo=_RANDOM,
        refused=True,
    ),
    Rule(
        setting="TEMPORAL_ACCEPT_PLAIN",
        is_weak=lambda given: given.TEMPORAL_ACCEPT_PLAIN,
        what=_("is on, so whoever reaches Temporal can start steps without a key"),
        todo=_("remove it once no run is left from before TEMPORAL_KEYRING"),
    ),
    Rule(
        setting="ALLOWED_HOSTS",
        is_weak=lambda given: any(host.startswith(".") for host in given.ALLOWED_HOSTS),
        what=_("accepts every host below a domain"),
        todo=_("name the hosts"),
    ),
    Rule(
        setting="CSRF_TRUSTED_ORIGINS",
        is_weak=lambda given: any("*" in origin for origin in given.CSRF_TRUSTED_ORIGINS),
        what=_("has a wildcard, so forms of hosts that you may not know are accepted"),
        todo=_("name the origins"),
        refused=True,
    ),
    Rule(
        setting="CSRF_TRUSTED_ORIGINS",
        is_weak=lambda given: any(origin.startswith("http:") for origin in given.CSRF_TRUSTED_ORIGINS),
        what=_("has an origin on plain HTTP, whose forms anybody on the way can write"),
        todo=_("name origins that begin with https://"),
    ),
    Rule(
        setting="EMAIL_URL",
        is_weak=lambda given: given.EMAIL_BACKEND.split(".")[-2] in _NO_MAIL,
        what=_("names no mail server, so invitations and notices reach nobody"),
        todo=_("give one, such as smtp+tls://USER:PASSWORD@HOST:587"),
    ),
    Rule(
        setting="EMAIL_URL",
        is_weak=lambda given: (
            given.EMAIL_BACKEND.split(".")[-2] == "smtp"
            and not (given.EMAIL_USE_TLS or given.EMAIL_USE_SSL)
            and given.EMAIL_HOST not in _THIS_MACHINE
        ),
        what=_("sends without TLS, so links of invitations can be read on the way"),
        todo=_("use smtp+tls:// or smtp+ssl://"),
    ),
    Rule(
        setting="DEFAULT_FROM_EMAIL",
        is_weak=lambda given: _NOBODYS.fullmatch(_domain_of(given.DEFAULT_FROM_EMAIL)) is not None,
        what=_("is an address of an example, so mail servers refuse invitations and notices"),
        todo=_("give an address of a domain that your mail server sends for"),
    ),
    Rule(
        setting="PUBLIC_URL",
        is_weak=lambda given: urlsplit(given.PUBLIC_URL).scheme != "https",
        what=_("is on plain HTTP, so links in mail can be read and changed on the way"),
        todo=_("give the address that begins with https://"),
    ),
    *map(_rate, ("credential", "user", "organization", "address", "public", "sensitive")),
)
_added: list[Rule] = []


def register(*rules: Rule) -> None:
    """Add rules about rows, which the app that owns the rows declares."""
    _added.extend(rules)


def weak_settings(*only: str) -> list[WeakSetting]:
    """Return what is weak, of the settings `only` if any are named; nothing with DEBUG=1."""
    if settings.DEBUG:
        return []
    rules = [rule for rule in (*RULES, *_added) if not only or rule.setting in only]
    return [weak for rule in rules if (weak := _judged(rule))]


def _judged(rule: Rule) -> WeakSetting | None:
    try:
        if not rule.is_weak(settings):
            return None
    except DatabaseError:
        return WeakSetting(
            setting=rule.setting,
            what=now_in("were not looked for: PostgreSQL does not answer, or lacks migrations"),
            todo=now_in("run this again when it does"),
            refused=False,
        )
    return WeakSetting(setting=rule.setting, what=str(rule.what), todo=str(rule.todo), refused=rule.refused)


def check_deployment(app_configs: Sequence[AppConfig] | None, **_options: Any) -> list[CheckMessage]:
    """Return an error for each weak setting; Django asks for `check --deploy` alone."""
    return [
        Error(
            f"{weak.setting} {weak.what}",
            hint=now_in("%(todo)s (no process serves until then)") % {"todo": weak.todo}
            if weak.refused
            else weak.todo,
            id="holo.E001" if weak.refused else "holo.E002",
        )
        for weak in weak_settings()
    ]
