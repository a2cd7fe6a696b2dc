"""Texts that commands take, checked where no serializer stands before them."""

from django.utils.translation import gettext as _

from holo.common.characters import describe_unfit, normal, shows_nothing
from holo.common.errors import FieldProblem, InvalidError


def clean_text(value: str, *, field: str, longest: int, joiners: bool = False) -> str:
    """Return the text in normal form, if it has the characters of `characters.py`. Raises InvalidError.

    It has 1 to `longest` characters after normalisation and no blanks around it. `joiners` is for names,
    which are read; identifiers, which are compared, do without.
    """
    unfit = describe_unfit(value, joiners=joiners)
    if unfit:
        raise invalid_field(field, unfit)
    text = normal(value)
    if text != text.strip() or not 1 <= len(text) <= longest or shows_nothing(text):
        message = _("must have 1 to %(longest)d characters and no blanks around it") % {"longest": longest}
        raise invalid_field(field, message)
    return text


def invalid_field(field: str, message: str) -> InvalidError:
    """Return the refusal of one field of a command."""
    return InvalidError(
        f"{field}: {message}",
        errors=[FieldProblem(pointer=f"/{field}", code=InvalidError.code, message=message)],
    )
