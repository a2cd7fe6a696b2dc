"""What people wish for most, in the admin."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from holo.apivote.models import Integration
from holo.apivote.selectors import count_votes
from holo.common.admin import ReadOnlyAdmin, badge, holds_nul


@admin.register(Integration)
class IntegrationAdmin(ReadOnlyAdmin[Integration]):
    """The catalogue, most votes first. Who voted stands in the audit trail of their organisation alone."""

    audit_subject = "apivote.integration"
    list_display = ["name", "people", "category", "identifier", "standing", "link"]
    list_filter = ["category", "listed"]
    search_fields = ["name", "identifier"]
    fields = ["name", "identifier", "category", "people", "standing", "link", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Integration]:
        """Return all integrations with their votes; the stock one would order them before it counts."""
        return count_votes(Integration.objects.none() if holds_nul(request) else Integration.objects.all())

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Order by what `get_queryset` adds."""
        return ("-vote_count", "identifier")

    @admin.display(description=_("votes"), ordering="vote_count")
    def people(self, integration: Integration) -> int:
        """Return how many active people voted. Called `votes` it would order by the relation of that name."""
        count: int = integration.vote_count  # type: ignore[attr-defined]
        return count

    @admin.display(description=_("state"), ordering="listed")
    def standing(self, integration: Integration) -> str:
        """Return whether people can still vote for it."""
        return badge(_("listed"), "good") if integration.listed else badge(_("no longer listed"), "neutral")

    @admin.display(description=_("home page"))
    def link(self, integration: Integration) -> str:
        """Return the address as a link that tells the other side nothing."""
        return format_html('<a href="{0}" rel="noopener noreferrer">{0}</a>', integration.home_page)
