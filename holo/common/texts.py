"""Texts that commands take, checked where no serializer stands before them."""

import unicodedata

from django.utils.translation import gettext as _

from holo.common.errors import FieldProblem, InvalidError

# Controls, invisible marks, surrogates, separators of lines and paragraphs.
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def clean_text(value: str, *, field: str, longest: int) -> str:
    """Return the text in normal form, if it can be seen and compared by eye. Raises InvalidError.

    It has 1 to `longest` characters after normalisation (Unicode NFC) and no blanks around it.
    """
    text = unicodedata.normalize("NFC", value)
    if text != text.strip() or not 1 <= len(text) <= longest:
        message = _("must have 1 to %(longest)d characters and no blanks around it") % {"longest": longest}
        raise invalid_field(field, message)
    if any(unicodedata.category(char) in _UNSEEN for char in text):
        raise invalid_field(field, _("must have no invisible characters"))
    return text


def invalid_field(field: str, message: str) -> InvalidError:
    """Return the refusal of one field of a command."""
    return InvalidError(
        f"{field}: {message}",
        errors=[FieldProblem(pointer=f"/{field}", code=InvalidError.code, message=message)],
    )
