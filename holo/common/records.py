"""Models that say which of their columns ever change, and whether their rows are deleted.

The database holds the app role to it: `manage.py migrate` grants UPDATE on the mutable columns alone, and
DELETE where rows are deleted (`holo.stack.grants`). Here a save writes no other column, and one that would
have to is refused before anything is sent.
"""

from collections.abc import Collection, Iterable
from typing import Any, ClassVar, Self

from django.db import models


class FrozenFieldError(ValueError):
    """A save would have to change a field that the model declares frozen: a fault of the code."""


class Record(models.Model):
    """The base of the product's models. Without a declaration rows are added, never changed nor deleted."""

    # Names of fields.
    mutable: ClassVar[frozenset[str]] = frozenset()
    deletable: ClassVar[bool] = False
    # Names of fields that open something, or would if their value were guessed. The database's readers have
    # no right to them, and no list of the admin can be filtered by them.
    shut: ClassVar[frozenset[str]] = frozenset()

    # The names and values that the row was read with.
    _read: tuple[Collection[str], Collection[Any]] = ((), ())

    class Meta:
        abstract = True

    def save(self, *args: Any, **options: Any) -> None:
        """Write a new row, or the mutable fields of one that is there; raise FrozenFieldError for others."""
        if not self._state.adding:
            options["update_fields"] = self._fields_to_write(options.get("update_fields"))
        super().save(*args, **options)

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any
    ) -> Self:
        """Return the instance of a row, which remembers what was read."""
        instance = super().from_db(db, field_names, values, **options)
        instance._read = (field_names, values)
        return instance

    def _fields_to_write(self, wanted: Iterable[str] | None) -> frozenset[str]:
        """Return which fields a save writes; a frozen one that is named and as it was read is left out."""
        if wanted is None:
            names, frozen = self.mutable - self.get_deferred_fields(), None
        else:
            asked = frozenset(self._meta.get_field(name).name for name in wanted)
            names, frozen = asked & self.mutable, asked - self.mutable
        refused = self._changed(frozen)
        if refused:
            raise FrozenFieldError(f"{self._meta.label} never changes {', '.join(sorted(refused))}")
        return names

    def _changed(self, named: frozenset[str] | None) -> list[str]:
        """Return the frozen fields that are not what was read, of those that are named; None: of all.

        What a named one was is not known of a row that was made here, so it counts as changed.
        """
        now, before = vars(self), dict(zip(*self._read, strict=False))
        found = []
        for field in self._meta.concrete_fields:
            if field.name in self.mutable or (named is not None and field.name not in named):
                continue
            is_known = field.attname in now and field.attname in before
            if now[field.attname] != before[field.attname] if is_known else named is not None:
                found.append(field.name)
        return found
