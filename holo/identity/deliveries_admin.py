"""Deliveries in the admin: what is sent to whom, what waits, and what a server refused.

The page is here and not in `holo/deliveries/`, which lies below and knows no people and no organisations.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, NullIf
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from holo.common.admin import ReadOnlyAdmin, badge
from holo.deliveries.kinds import find_kind, list_kinds
from holo.deliveries.models import Delivery
from holo.identity.models import Organization, User
from holo.identity.staff import OrganizationLimited

State = Delivery.State
_TONES = {
    State.WAITING: "progress",
    State.DELIVERED: "good",
    State.REFUSED: "bad",
    State.GIVEN_UP: "bad",
    State.WITHDRAWN: "neutral",
}


class KindFilter(admin.SimpleListFilter):
    """Filters by kind, under the names that the apps give their kinds."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        """Return the kinds."""
        return [(kind.name, kind.label) for kind in list_kinds()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        """Return the deliveries of the chosen kind."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


class DeliveryAdmin(OrganizationLimited[Delivery], ReadOnlyAdmin[Delivery]):
    """The deliveries of one's organisations, newest first; superusers see all."""

    list_display = [
        *("created_at", "kind_shown", "recipient", "organization_name", "state_shown"),
        *("attempts", "next_try", "last_problem"),
    ]
    list_filter = ["state", KindFilter]
    search_fields = ["=recipient_email", "=request_id"]
    fields = [
        *("kind_shown", "recipient", "organization_name", "state_shown", "attempts", "last_problem"),
        *("created_at", "next_try", "ended_at", "request_id"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Return the rows with the names of people and organisations."""
        person = User.objects.filter(pk=OuterRef("recipient_id")).values("email")
        organization = Organization.objects.filter(pk=OuterRef("organization_id")).values("name")
        address = NullIf("address", Value(""))
        return (
            super()
            .get_queryset(request)
            .annotate(
                recipient_email=Coalesce(address, Subquery(person), output_field=CharField()),
                organization_text=Subquery(organization),
            )
        )

    def organization_limit(self, request: HttpRequest) -> dict[str, Any]:
        """Show superusers all, also what is about the installation and names no organisation."""
        return {} if request.user.is_superuser else super().organization_limit(request)

    @admin.display(description=_("kind"), ordering="kind")
    def kind_shown(self, row: Delivery) -> Any:
        """Return the kind as its app calls it."""
        kind = find_kind(row.kind)
        return kind.label if kind else row.kind

    @admin.display(description=_("recipient"), empty_value="–")
    def recipient(self, row: Any) -> Any:
        """Return the address that was given, or the person's of today."""
        return row.recipient_email

    @admin.display(description=_("organisation"), empty_value="–")
    def organization_name(self, row: Any) -> Any:
        """Return the organisation, without a link that few could follow."""
        return row.organization_text

    @admin.display(description=_("state"), ordering="state")
    def state_shown(self, row: Delivery) -> SafeString:
        """Return how far the delivery is."""
        return badge(row.get_state_display(), _TONES[State(row.state)])

    @admin.display(description=_("next try"), empty_value="–")
    def next_try(self, row: Delivery) -> Any:
        """Return when it is tried next; nothing for what has ended."""
        return row.available_at if row.state == State.WAITING else None
