"""What a new password must be besides what Django asks of it: not known, not longer than is worth hashing."""

import gzip
import logging
from pathlib import Path

from django.conf import settings
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from holo.identity.breaches import BreachesError, is_breached
from holo.identity.models import User

# As Django's own forms have it since they were given megabytes to hash (CVE-2013-1443).
LONGEST_PASSWORD = 4096
# Where they are from is in the file beside it that ends in NOTICE.
COMMON_PASSWORDS = Path(__file__).with_name("common-passwords.txt.gz")

logger = logging.getLogger(__name__)


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


class CommonPasswordValidator(password_validation.CommonPasswordValidator):
    """Refuses common passwords: Django's, few of which are long enough here, and those that are."""

    def __init__(self) -> None:
        super().__init__()
        with gzip.open(COMMON_PASSWORDS, "rt", encoding="utf-8") as lines:
            self.passwords |= {line.rstrip("\n") for line in lines}


class BreachedPasswordValidator:
    """Refuses passwords of known breaches, where `BREACHED_PASSWORDS_FILE` names a file of them."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError for a password that is in the file, and for any while it cannot be read."""
        if not settings.BREACHED_PASSWORDS_FILE:
            return
        try:
            found = is_breached(settings.BREACHED_PASSWORDS_FILE, password)
        except BreachesError as error:
            logger.error("BREACHED_PASSWORDS_FILE: %s", error)
            raise ValidationError(
                _("New passwords cannot be checked at the moment. Try again later."),
                code="password_not_checked",
            ) from None
        if found:
            raise ValidationError(
                _("This password is known from a data breach. Choose another one."), code="password_breached"
            )

    def get_help_text(self) -> str:
        """Return nothing: nobody can know beforehand."""
        return ""
