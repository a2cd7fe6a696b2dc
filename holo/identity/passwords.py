"""What a new password must be besides what Django asks of it: not longer than is worth hashing."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from holo.identity.models import User

# As Django's own forms have it since they were given megabytes to hash (CVE-2013-1443).
LONGEST_PASSWORD = 4096


class MaximumLengthValidator:
    """Refuses by name what is too long to be hashed, in whatever way it comes."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError for a password that is too long."""
        if len(password) > LONGEST_PASSWORD:
            raise ValidationError(
                _("This password is too long. It may contain at most %(limit)d characters.")
                % {"limit": LONGEST_PASSWORD},
                code="password_too_long",
            )

    def get_help_text(self) -> str:
        """Return nothing: nobody needs to be told beforehand."""
        return ""
