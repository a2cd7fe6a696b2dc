"""`manage.py seed_demo`: data to play with."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from holo.common.errors import DomainError
from holo.identity.demo import DEMO_PASSWORD
from holo.staff.demo import demo_code, demo_secret
from orders.demo.access import alone
from orders.demo.seed import PEOPLE, Seeded, seed_demo


class Command(BaseCommand):
    """Make organisation, people, warehouses, catalogue and stock of the demonstration where missing."""

    help = "Makes the demonstration's data. A second run changes nothing. Refused without DEMO=1."

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed, and say what was made."""
        if not settings.DEMO:  # which settings refuse without DEBUG
            raise CommandError(
                _("refused without DEMO=1 and DEBUG=1: the password of its users is known to everybody"),
                returncode=2,
            )
        try:
            with alone(self.stdout.write):
                seeded = seed_demo()
        except DomainError as error:
            raise CommandError(error.message) from None
        self.stdout.write(_said(seeded))


def _said(seeded: Seeded) -> str:
    if seeded.is_empty:
        return _("demo data: all there, nothing changed")
    return _(
        "demo data: made %(people)d people, %(warehouses)d warehouses, %(products)d products, filled "
        "%(shelves)d shelves; log in as %(emails)s with the password %(password)s and the codes of the "
        "second factor %(secret)s, now %(code)s"
    ) % {
        "people": seeded.people,
        "warehouses": seeded.warehouses,
        "products": seeded.products,
        "shelves": seeded.shelves,
        "emails": ", ".join(person.email for person in PEOPLE),
        "password": DEMO_PASSWORD,
        "secret": demo_secret(),
        "code": demo_code(),
    }
