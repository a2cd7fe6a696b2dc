"""`manage.py secrets`: keep, read and delete secrets, and change the key that seals them."""

import json
from argparse import ArgumentParser
from codecs import BOM_UTF8
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from holo.common.actor import Actor, OrganizationId, system_actor
from holo.common.api.errors import JsonSyntaxError
from holo.common.api.parsers import parse_json
from holo.common.errors import DomainError, RequestError
from holo.common.standard_input import read_standard_input
from holo.identity.models import Environment, Organization, Project
from holo.secretstore.errors import SecretKeyUnknownError
from holo.secretstore.keyring import KeyringError, make_entry
from holo.secretstore.models import SecretVersion
from holo.secretstore.operations import absent
from holo.secretstore.places import INSTALLATION, Place, place_of
from holo.secretstore.sealing import open_version
from holo.secretstore.selectors import count_versions_by_key, list_secrets, list_versions
from holo.secretstore.services import (
    NOBODY,
    delete_secret,
    get_secret_or_raise,
    reseal_some,
    set_secret,
)

BAD_INPUT, DAMAGED = 2, 3
# Whom the audit trail names.
_LABEL = "manage.py secrets"


class Command(BaseCommand):
    """One sub-command for each thing to do."""

    help = (
        "Keeps secrets. `set` reads the value, JSON, from stdin; `get` prints it and writes an audit row."
        " `rotate` puts all under the first key of SECRETS_KEYRING; `verify` opens each and exits 3 if one"
        " does not open."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the sub-commands."""
        commands = parser.add_subparsers(dest="command", required=True)
        for name, text in (
            ("set", _("keep a value, read from stdin, as a new version")),
            ("get", _("print a value")),
            ("delete", _("wipe all versions of a secret")),
            ("versions", _("list the versions of a secret, without values")),
            ("list", _("list the secrets of a place, without values")),
        ):
            command = commands.add_parser(name, help=text)
            if name == "list":
                command.add_argument("prefix", nargs="?", default="", help=_("what the names begin with"))
            else:
                command.add_argument("name", help=_("such as payment/stripe"))
            if name == "get":
                command.add_argument("--version", type=int, dest="number", help=_("default: the newest"))
            command.add_argument(
                "--in",
                dest="place",
                default="",
                metavar="PLACE",
                help=_("ORGANISATION[/PROJECT[/ENVIRONMENT]] by short names; default: the installation"),
            )
        new_key = commands.add_parser("new-key", help=_("print a new entry for SECRETS_KEYRING"))
        new_key.add_argument("id", help=_("such as k2; no other entry has it"))
        rotate = commands.add_parser("rotate", help=_("put all secrets under the first key of the ring"))
        rotate.add_argument("--batch", type=int, default=100, help=_("in one transaction (default: 100)"))
        commands.add_parser("verify", help=_("open each secret"))

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the sub-command; a refusal is one line."""
        run = getattr(self, "_" + options["command"].replace("-", "_"))
        try:
            run(options)
        except DomainError as error:
            code = DAMAGED if error.status == 500 else BAD_INPUT
            raise CommandError(error.message, returncode=code) from None

    def _set(self, options: dict[str, Any]) -> None:
        value = _json_of_stdin()
        place, actor = _place(options["place"])
        number = set_secret(actor=actor, place=place, name=options["name"], value=value)
        self.stdout.write(_("%(name)s: version %(number)d") % {"name": options["name"], "number": number})

    def _get(self, options: dict[str, Any]) -> None:
        place, actor = _place(options["place"])
        value = get_secret_or_raise(
            actor=actor, place=place, name=options["name"], schema=object, version=options["number"]
        )
        # Escaped where the terminal's encoding lacks a character: as JSON it is the same value.
        encoding = (getattr(self.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
        self.stdout.write(json.dumps(value, ensure_ascii=encoding != "utf8"))

    def _delete(self, options: dict[str, Any]) -> None:
        place, actor = _place(options["place"])
        delete_secret(actor=actor, place=place, name=options["name"])
        self.stdout.write(_("%(name)s: all versions are wiped") % {"name": options["name"]})

    def _list(self, options: dict[str, Any]) -> None:
        for secret in list_secrets(_place(options["place"])[0], prefix=options["prefix"]):
            self.stdout.write(f"{secret.name}  {secret.version}")

    def _versions(self, options: dict[str, Any]) -> None:
        versions = list(list_versions(_place(options["place"])[0], options["name"]))
        if not versions:
            raise absent(options["name"])
        for version in versions:
            state = _("wiped") if version.ciphertext is None else version.key_id
            self.stdout.write(f"{version.number}  {version.created_at:%Y-%m-%d %H:%M:%S %Z}  {state}")

    def _new_key(self, options: dict[str, Any]) -> None:
        try:
            self.stdout.write(make_entry(options["id"]))
        except KeyringError as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from None

    def _rotate(self, options: dict[str, Any]) -> None:
        if not 1 <= options["batch"] <= 10_000:
            raise CommandError(_("--batch is 1 to 10000"), returncode=BAD_INPUT)
        current = settings.KEYRING.current
        _require_keys()
        total = after = 0
        while True:
            done, after = reseal_some(current=current, after=after, count=options["batch"])
            if not done:
                break
            total += done
            self.stdout.write(_("%(total)d resealed") % {"total": total})
        left = sum(count for key_id, count in count_versions_by_key().items() if key_id != current)
        self.stdout.write(
            _("all under %(id)s: %(total)d resealed, %(left)d left")
            % {"id": current or "-", "total": total, "left": left}
        )
        if left:
            raise CommandError(_("others hold some; run it again"), returncode=1)

    def _verify(self, options: dict[str, Any]) -> None:
        opened = damaged = 0
        versions = SecretVersion.objects.filter(ciphertext__isnull=False).select_related("secret")
        for version in versions.order_by("id").iterator(chunk_size=500):
            try:
                open_version(version)
                opened += 1
            except DomainError as error:
                damaged += 1
                self.stdout.write(f"{version.secret.name} {version.number}: {error.code}: {error.message}")
        self.stdout.write(_("%(opened)d open, %(damaged)d do not") % {"opened": opened, "damaged": damaged})
        if damaged:
            raise CommandError(_("not every secret opens"), returncode=DAMAGED)


def _json_of_stdin() -> Any:
    """Return the value on stdin: UTF-8 whatever the terminal's encoding; a byte order mark is skipped."""
    try:
        return parse_json(read_standard_input().removeprefix(BOM_UTF8), parse_float=_exact_number, exact=True)
    except JsonSyntaxError as error:
        text = _("stdin is not JSON; a text stands in double quotes: %(why)s")
        raise CommandError(text % {"why": error.message}, returncode=BAD_INPUT) from None
    except RequestError as error:
        where = f" {error.errors[0].pointer}" if error.errors else ""
        raise CommandError(f"stdin{where}: {error.message}", returncode=BAD_INPUT) from None


def _exact_number(text: str) -> float:
    """Return a decimal number, if it comes back as the number that was written."""
    number = float(text)
    try:
        is_same = Decimal(repr(number)) == Decimal(text)
    except InvalidOperation:
        is_same = False
    if not is_same:
        message = _("a number has more digits than JSON keeps: write it as a text, in double quotes")
        raise CommandError(message, returncode=BAD_INPUT)
    return number


def _require_keys() -> None:
    """Refuse to begin where a key is missing that rows need, with all that are missing in one line."""
    missing = sorted(set(count_versions_by_key()) - set(settings.KEYRING.keys))
    if missing:
        raise SecretKeyUnknownError(
            _("SECRETS_KEYRING lacks keys that secrets are sealed with: %(ids)s")
            % {"ids": ", ".join(missing)},
            key_ids=missing,
        )


def _place(text: str) -> tuple[Place, Actor]:
    """Return the place that a text names, and who the audit trail names there."""
    if not text:
        return INSTALLATION, system_actor(NOBODY, label=_LABEL)
    parts = text.split("/")
    owner: Organization | Project | Environment | None = None
    if len(parts) == 1:
        owner = Organization.objects.filter(slug=parts[0]).first()
    elif len(parts) == 2:
        owner = Project.objects.filter(organization__slug=parts[0], slug=parts[1]).first()
    elif len(parts) == 3:
        owner = Environment.objects.filter(
            organization__slug=parts[0], project__slug=parts[1], slug=parts[2]
        ).first()
    if owner is None:
        raise CommandError(_("there is no place %(place)s") % {"place": text[:200]}, returncode=BAD_INPUT)
    place = place_of(owner)
    assert place.organization_id is not None
    return place, system_actor(OrganizationId(place.organization_id), label=_LABEL)
