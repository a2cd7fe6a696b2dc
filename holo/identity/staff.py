"""People in the admin: who asks, for which organisation, and which rows are theirs to see."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin import RelatedOnlyFieldListFilter
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from holo.audit.services import record_refusal
from holo.common.actor import Actor, OrganizationId, UserId
from holo.common.admin import NUL, ReadOnlyAdmin
from holo.identity.models import User
from holo.identity.selectors import is_auditor, organization_ids_of

M = TypeVar("M", bound=Model)
_SHOWN_IDS = 20
# A filter of a list that names the organisations of the rows which the person may see, and no others.
OWN_ORGANIZATIONS = ("organization", RelatedOnlyFieldListFilter)

if TYPE_CHECKING:
    _Admin = ReadOnlyAdmin
else:

    class _Admin:
        """Nothing at run time: the mixin below comes before whichever admin class it limits."""

        def __class_getitem__(cls, _item: object) -> type:
            return cls


def person_of(request: HttpRequest) -> User:
    """Return who is logged in; admin pages are reached by nobody else."""
    assert isinstance(request.user, User)
    return request.user


def actor_of_user(user: User, organization_id: UUID) -> Actor:
    """Return a person as the actor of a command given in the admin, where permissions take scopes' place."""
    return Actor(user_id=UserId(user.pk), organization_id=OrganizationId(organization_id), label=user.email)


def organization_ids(request: HttpRequest) -> list[UUID]:
    """Return whose rows the person may see; asked once per request."""
    known: list[UUID] | None = getattr(request, "_holo_organization_ids", None)
    if known is None:
        known = organization_ids_of(person_of(request))
        request._holo_organization_ids = known  # type: ignore[attr-defined]
    return known


def may_decide(request: HttpRequest) -> bool:
    """Tell whether the person may decide at all; asked once per request."""
    known: bool | None = getattr(request, "_holo_may_decide", None)
    if known is None:
        known = is_auditor(person_of(request).pk)
        request._holo_may_decide = known  # type: ignore[attr-defined]
    return known


class OrganizationLimited(_Admin[M]):
    """Limits an admin to the person's organisations; what lies outside is not found. Notes refusals."""

    organization_path = "organization_id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        """Return the rows of the person's organisations."""
        return super().get_queryset(request).filter(**self.organization_limit(request))

    def organization_limit(self, request: HttpRequest) -> dict[str, Any]:
        """Return the condition on the rows."""
        return {f"{self.organization_path}__in": organization_ids(request)}

    @admin.display(description=_("organisation"))
    def organization_shown(self, row: Any) -> str:
        """The organisation, without the link that Django would make to a page that few may see."""
        return str(row.organization)

    def note_refusal(self, request: HttpRequest, what: str, ids: Sequence[str]) -> None:
        """Write an audit row, in each case with the person's first organisation: the rows may be foreign."""
        super().note_refusal(request, what, ids)
        for organization_id in organization_ids(request)[:1]:
            record_refusal(
                actor=actor_of_user(person_of(request), organization_id),
                action=f"{self.opts.app_label}.{what}_refused",
                subject_type=self.opts.label_lower,
                subject_id=_storable(ids[0]) if ids else "",
                data={"ids": [_storable(text) for text in ids[:_SHOWN_IDS]], "count": len(ids)},
            )


def _storable(text: str) -> str:
    """Return what somebody sent, as far as a column can hold it."""
    return text.replace(NUL, "\N{REPLACEMENT CHARACTER}")[:64]
