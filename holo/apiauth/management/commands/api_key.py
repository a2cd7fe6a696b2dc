"""`manage.py api_key create|list|rotate|revoke`: keys from the command line."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from holo.apiauth.models import ApiKey
from holo.apiauth.scopes import SCOPES
from holo.apiauth.selectors import list_api_keys
from holo.apiauth.services import create_api_key, revoke_api_key, rotate_api_key
from holo.common.errors import DomainError
from holo.identity.models import Environment, Organization, User
from holo.identity.selectors import organizations_of

BAD_INPUT = 2


class Command(BaseCommand):
    """Make, list, replace and revoke API keys and tokens."""

    help = (
        "Makes, lists, replaces and revokes API keys. `create` and `rotate` print the key and nothing else."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the sub-commands."""
        commands = parser.add_subparsers(dest="command", required=True)
        create = commands.add_parser("create", help=_("make a key and print it"))
        create.add_argument("--user", metavar="EMAIL", help=_("needed but for --kind organization"))
        create.add_argument("--kind", choices=ApiKey.Kind.values, default=ApiKey.Kind.KEY.value)
        create.add_argument("--scopes", required=True, nargs="+", metavar="SCOPE", help=", ".join(SCOPES))
        create.add_argument("--organization", metavar="SLUG", help=_("needed when the user has several"))
        create.add_argument(
            "--environment",
            metavar="PROJECT/ENVIRONMENT",
            help=_("by short names; default: the organisation"),
        )
        create.add_argument("--name", default="")
        create.add_argument("--days", type=int, default=90)
        create.add_argument(
            "--networks",
            nargs="+",
            default=[],
            metavar="CIDR",
            help=_("addresses it works from; default: all"),
        )
        rotate = commands.add_parser("rotate", help=_("replace a key and print the new one"))
        rotate.add_argument("prefix", help=_("the eight characters after `holo_…_`"))
        rotate.add_argument(
            "--grace-hours",
            type=int,
            default=24,
            help=_("how long the old one goes on working (default: 24)"),
        )
        listing = commands.add_parser("list", help=_("list the keys, without their secrets"))
        listing.add_argument("--json", action="store_true")
        revoke = commands.add_parser("revoke", help=_("end a key at once"))
        revoke.add_argument("prefix", help=_("the eight characters after `holo_…_`"))

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the sub-command; a refusal is one line."""
        run = {
            "create": self._create,
            "list": self._list,
            "rotate": self._rotate,
            "revoke": self._revoke,
        }[options["command"]]
        try:
            run(options)
        except DomainError as error:
            raise CommandError(error.message, returncode=BAD_INPUT) from None

    def _create(self, options: dict[str, Any]) -> None:
        kind = ApiKey.Kind(options["kind"])
        owner = None if kind == ApiKey.Kind.ORGANIZATION else _person(options["user"])
        try:
            lifetime = timedelta(days=options["days"])
        except OverflowError:
            lifetime = timedelta(0)
        organization = _organization(owner, options["organization"])
        _key, text = create_api_key(
            actor=None,
            kind=kind,
            owner_id=owner.pk if owner else None,
            organization_id=organization.pk,
            environment_id=_environment(organization, options["environment"]),
            name=options["name"],
            scopes=options["scopes"],
            expires_in=lifetime,
            networks=options["networks"],
        )
        self.stdout.write(text)

    def _list(self, options: dict[str, Any]) -> None:
        rows = [_row(key) for key in list_api_keys()]
        if options["json"]:
            self.stdout.write(json.dumps(rows, indent=2))
            return
        for row in rows:
            shown = [
                str(row[name] or "-") for name in ("prefix", "state", "owner", "organization", "expires_at")
            ]
            self.stdout.write("  ".join([*shown, " ".join(row["scopes"])]))

    def _rotate(self, options: dict[str, Any]) -> None:
        try:
            grace = timedelta(hours=options["grace_hours"])
        except OverflowError:
            grace = timedelta(-1)
        _key, text = rotate_api_key(actor=None, key_id=_found(options["prefix"]).pk, grace=grace)
        self.stdout.write(text)

    def _revoke(self, options: dict[str, Any]) -> None:
        key = _found(options["prefix"])
        revoke_api_key(actor=None, key_id=key.pk)
        self.stdout.write(_("revoked %(prefix)s") % {"prefix": key.prefix})


def _person(email: str | None) -> User:
    person = User.objects.called(email or "").first()
    if person is None:
        raise CommandError(_("there is no user %(email)s") % {"email": email or "-"}, returncode=BAD_INPUT)
    return person


def _found(text: str) -> ApiKey:
    key = ApiKey.objects.filter(prefix=text.rpartition("_")[2][:8]).first()
    if key is None:
        raise CommandError(_("there is no key with this prefix"), returncode=BAD_INPUT)
    return key


def _organization(owner: User | None, slug: str | None) -> Organization:
    choices = organizations_of(owner) if owner else list(Organization.objects.all())
    if slug is not None:
        choices = [organization for organization in choices if organization.slug == slug]
    if len(choices) == 1:
        return choices[0]
    if choices:
        known = ", ".join(organization.slug for organization in choices)
        raise CommandError(
            _("name one with --organization: %(slugs)s") % {"slugs": known}, returncode=BAD_INPUT
        )
    raise CommandError(_("this user belongs to no such organisation"), returncode=BAD_INPUT)


def _environment(organization: Organization, text: str | None) -> UUID | None:
    if text is None:
        return None
    project, _slash, slug = text.partition("/")
    found = Environment.objects.filter(organization=organization, project__slug=project, slug=slug).first()
    if found is None:
        raise CommandError(_("there is no environment %(name)s") % {"name": text[:200]}, returncode=BAD_INPUT)
    return found.pk


def _row(key: ApiKey) -> dict[str, Any]:
    return {
        "prefix": key.prefix,
        "name": key.name,
        "state": _state(key),
        "kind": key.kind,
        "owner": key.owner.email if key.owner else None,
        "organization": key.organization.slug,
        "environment": f"{key.environment.project.slug}/{key.environment.slug}" if key.environment else None,
        "scopes": key.scopes,
        "networks": key.networks,
        "replaced_by": key.replaced_by.prefix if key.replaced_by else None,
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat(),
        "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }


def _state(key: ApiKey) -> str:
    if key.revoked_at:
        return "revoked"
    if key.replaced_by_id and key.expires_at > timezone.now():
        return "replaced"
    return "active" if key.expires_at > timezone.now() else "expired"
