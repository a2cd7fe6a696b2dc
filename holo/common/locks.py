"""The row lock of forms: the row that a form of the admin is about to change."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model

from holo.common.db import require_transaction


def key_of(model: type[Model], text: object) -> Any:
    """Return what an address names as the primary key of a row; None where it is no key."""
    primary = model._meta.pk
    assert primary is not None
    try:
        return primary.to_python(text)
    except ValidationError:
        return None


def lock_row(model: type[Model], text: object) -> None:
    """Lock one row until the transaction ends; nothing where there is none."""
    require_transaction()
    rows = model._base_manager.select_for_update(of=("self",), no_key=True)
    rows.filter(pk=key_of(model, text)).values_list("pk").first()
