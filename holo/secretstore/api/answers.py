"""What the endpoints of variables answer with. Only the reading of one variable shows a value."""

from typing import Any

from rest_framework import serializers

from holo.secretstore.models import Secret
from holo.secretstore.selectors import VARIABLE_PREFIX
from holo.secretstore.services import Imported


class VariableAnswer(serializers.Serializer[Any]):
    """A variable without its value."""

    name = serializers.CharField()
    version = serializers.IntegerField(help_text="Counts up with each value.")


class ListedVariableAnswer(VariableAnswer):
    """A variable without its value, and when it got it."""

    changed_at = serializers.DateTimeField()


class VariableValueAnswer(VariableAnswer):
    """A variable with its value."""

    value = serializers.CharField()


class ImportAnswer(serializers.Serializer[Any]):
    """What became of an import."""

    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    skipped = serializers.IntegerField(help_text="Were there already, and `overwrite` was not set.")


def render_variable(secret: Secret) -> dict[str, object]:
    """Return a variable as it is answered with."""
    return {"name": secret.name.removeprefix(VARIABLE_PREFIX), "version": secret.version}


def variable_tag(secret: Secret) -> str:
    """Return the entity tag of a variable: a version has one value, and a number that is not given again.

    Not made of the body: that holds the value, about which a tag in a log would tell something.
    """
    return f'"{secret.pk.hex}-{secret.version}"'


def render_listed(secret: Secret) -> dict[str, object]:
    """Return a variable of `list_variables` as it is answered with."""
    return {**render_variable(secret), "changed_at": secret.changed_at}  # type: ignore[attr-defined]


def render_import(imported: Imported) -> dict[str, object]:
    """Return what became of an import as it is answered with."""
    return {"created": imported.created, "updated": imported.updated, "skipped": imported.skipped}
