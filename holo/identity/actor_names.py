"""Who acted, as people read it: rows keep a person's id, and the address is looked up when it is shown."""

from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin
from django.db.models import Case, CharField, F, Model, OuterRef, QuerySet, Subquery, UUIDField, When
from django.db.models.functions import Cast, Coalesce, Substr
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from holo.common.actor import PERSON_PREFIX
from holo.identity.models import User
from holo.identity.selectors import find_person

M = TypeVar("M", bound=Model)

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin
else:

    class _Admin:
        """Nothing at run time: the mixin below comes before whichever admin class it adds to."""

        def __class_getitem__(cls, _item: object) -> type:
            return cls


def actor_name() -> Case:
    """Return what `actor_label` of a row means, to annotate: a person's address, else the label."""
    person = User.objects.filter(
        pk=Cast(Substr(OuterRef("actor_label"), len(PERSON_PREFIX) + 1), UUIDField())
    )
    return Case(
        When(
            actor_label__startswith=PERSON_PREFIX,
            then=Coalesce(Subquery(person.values("email")), F("actor_label")),
        ),
        default=F("actor_label"),
        output_field=CharField(),
    )


class ShowsActor(_Admin[M]):
    """Rows that say who acted, by the column `by`; a search finds a person's whole address."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        """Return the rows with who acted."""
        rows: QuerySet[M] = super().get_queryset(request)
        return rows.annotate(by=actor_name())  # type: ignore[return-value]

    @admin.display(description=_("by"))
    def by(self, row: Any) -> str:
        """Return who acted."""
        return str(row.by)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        """Search; where an address is typed, for the person who has it."""
        words = [_reference(word) if "@" in word else word for word in search_term.split(" ")]
        return super().get_search_results(request, queryset, " ".join(words))


def _reference(word: str) -> str:
    person = find_person(word) or User.objects.filter(email__address=word).first()
    return word if person is None else f"{PERSON_PREFIX}{person.pk}"
