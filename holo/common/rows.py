"""Rows of hand-written SQL as model instances, for the few reads whose speed the whole product feels."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import connection
from django.db.models import JSONField, Model

M = TypeVar("M", bound=Model)


def columns(model: type[Model], alias: str) -> str:
    """Return all columns of a model for a SELECT, in the order that `from_row` expects."""
    return ", ".join(f'{alias}."{field.column}"' for field in model._meta.concrete_fields)


def width(model: type[Model]) -> int:
    """Return how many columns that is."""
    return len(model._meta.concrete_fields)


def from_row(model: type[M], values: Sequence[Any]) -> M:
    """Return the instance that these columns are."""
    fields = model._meta.concrete_fields
    read = [
        json.loads(value) if isinstance(field, JSONField) and isinstance(value, str) else value
        for field, value in zip(fields, values, strict=True)
    ]
    return model.from_db(connection.alias, [field.attname for field in fields], read)
