"""`manage.py retry_order`: asks that the parked steps of orders run again."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from holo.common.actor import OrganizationId, system_actor
from holo.common.errors import DomainError
from holo.identity.models import Organization
from orders.models import Order
from orders.services import request_retry
from orders.states import Status

# Who the audit trail and the timeline name.
_LABEL = "manage.py retry_order"


class Command(BaseCommand):
    """Retries named orders, or all that need attention."""

    help = "Run the parked steps of orders again; afterwards each ends as it would have."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "numbers", nargs="*", metavar="NUMBER", help="order numbers, such as SO-2026-000123"
        )
        parser.add_argument("--organization", metavar="SLUG", help="whose orders; needed with numbers")
        parser.add_argument("--all", action="store_true", help="every order that needs attention")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line for each order; exit 1 if one of them could not be retried."""
        numbers: list[str] = options["numbers"]
        slug: str | None = options["organization"]
        if bool(numbers) == options["all"]:
            raise CommandError(_("name orders, or pass --all"), returncode=2)
        if numbers and slug is None:
            raise CommandError(
                _("two organisations may have orders of one number: pass --organization SLUG"), returncode=2
            )
        orders = Order.objects.order_by("number")
        if slug is not None:
            orders = orders.filter(organization=_organization(slug))
        found = (
            orders.filter(status=Status.NEEDS_ATTENTION)
            if options["all"]
            else orders.filter(number__in=numbers)
        )
        absent = set(numbers) - {order.number for order in found}
        if absent:
            raise CommandError(
                _("no such order: %(numbers)s") % {"numbers": ", ".join(sorted(absent))}, returncode=2
            )
        refused = [order.number for order in found if not self._retry(order)]
        if not found:
            self.stdout.write(_("no order needs attention"))
        if refused:
            raise CommandError(_("not retried: %(numbers)s") % {"numbers": ", ".join(refused)}, returncode=1)

    def _retry(self, order: Order) -> bool:
        actor = system_actor(OrganizationId(order.organization_id), label=_LABEL)
        try:
            request_retry(actor=actor, order_id=order.pk)
        except DomainError as error:
            self.stdout.write(f"{order.number}: {error.code}: {error.message}")
            return False
        self.stdout.write(_("%(number)s: retry requested") % {"number": order.number})
        return True


def _organization(slug: str) -> Organization:
    found = Organization.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(_("no such organisation: %(slug)s") % {"slug": slug}, returncode=2)
    return found
