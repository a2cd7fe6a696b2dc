"""E-mail addresses, and names that stand in the header of a mail, checked where they are entered."""

from django.core.exceptions import ValidationError
from django.core.mail.message import sanitize_address
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from holo.common.characters import holds_control, without_unfit

LONGEST_ADDRESS = 254


def validate_address(text: str) -> None:
    """Refuse what is no e-mail address that a mail can be sent to. Raises ValidationError.

    Django's own check takes control characters and blanks between quotation marks, and invisible characters
    and names that the domain name system cannot hold in the domain.
    """
    validate_email(text)
    if len(text) > LONGEST_ADDRESS:
        raise ValidationError(_("Enter a valid email address."), code="too_long")
    if any(map(str.isspace, text)) or without_unfit(text) != text:
        raise ValidationError(_("Enter a valid email address."), code="unseen_character")
    try:
        sanitize_address(text, "utf-8")
        text.rpartition("@")[2].encode("idna")
    except ValueError:
        raise ValidationError(_("Enter a valid email address."), code="not_sendable") from None


def validate_single_line(text: str) -> None:
    """Refuse control characters and line separators in a name that stands in a mail's subject."""
    if holds_control(text):
        message = _("Line breaks and control characters are not allowed.")
        raise ValidationError(message, code="unseen_character")
