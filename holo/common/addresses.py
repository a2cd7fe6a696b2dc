"""E-mail addresses, and names that stand in the header of a mail, checked where they are entered."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.mail.message import sanitize_address
from django.core.validators import validate_email
from django.db.models import CharField
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from holo.common.characters import holds_control, normal, without_unfit

LONGEST_ADDRESS = 254


@CharField.register_lookup
class SameAddress(Exact):
    """`email__address="Ann@Example.com"`: the same address, in whatever case and normal form.

    Compared in small letters, as the unique index of the addresses does it. Django's `iexact` compares
    capitals, and `\u0131` has the same one as `i`.
    """

    lookup_name = "address"

    def get_prep_lookup(self) -> Any:
        """Return the address without blanks around it."""
        return normal(str(self.rhs)).strip()

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Return the comparison."""
        stored, stored_values = self.process_lhs(compiler, connection)
        wanted, wanted_values = self.process_rhs(compiler, connection)
        return f"LOWER({stored}) = LOWER({wanted})", (*stored_values, *wanted_values)


def validate_address(text: str) -> None:
    """Refuse what is no e-mail address that a mail can be sent to. Raises ValidationError.

    Django's own check takes control characters and blanks between quotation marks, and invisible characters
    and names that the domain name system cannot hold in the domain. A domain that mail programs read as
    another one is refused too: `straße.example` would become `strasse.example`, which is somebody else's.
    """
    validate_email(text)
    if len(text) > LONGEST_ADDRESS:
        raise ValidationError(_("Enter a valid email address."), code="too_long")
    if any(map(str.isspace, text)) or without_unfit(text) != text:
        raise ValidationError(_("Enter a valid email address."), code="unseen_character")
    try:
        sanitize_address(text, "utf-8")
        domain = normal(text.rpartition("@")[2])
        sent_to = domain.encode("idna")
        is_kept = domain.isascii() or sent_to.decode("idna") == domain.lower()
    except ValueError:
        is_kept = False
    if not is_kept:
        raise ValidationError(_("Enter a valid email address."), code="not_sendable")


def validate_single_line(text: str) -> None:
    """Refuse control characters and line separators in a name that stands in a mail's subject."""
    if holds_control(text):
        message = _("Line breaks and control characters are not allowed.")
        raise ValidationError(message, code="unseen_character")
