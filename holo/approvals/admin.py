"""The approval inbox: what waits for a decision, everything the decider needs, and the decisions made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Case, F, QuerySet, When
from django.db.models.expressions import OrderBy
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from holo.approvals.decisions import COMMANDS, subject_contexts
from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.subjects import subject_url
from holo.approvals.words import SECOND_PERSON, TONES, age, time_left, urgency
from holo.common.admin import ReadOnlyAdmin, badge, moment_text
from holo.common.admin_commands import CommandAdmin
from holo.common.clock import database_now
from holo.identity.models import User
from holo.identity.staff import OrganizationLimited, may_decide, person_of

State = ApprovalRequest.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the columns of a row need beside the row itself."""

    request: HttpRequest
    now: datetime
    people: dict[UUID, str]


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(OrganizationLimited[ApprovalRequest], CommandAdmin[ApprovalRequest]):
    """Open requests first, the nearest deadline on top; then the closed ones, newest first."""

    commands = COMMANDS
    list_display = ["subject", "reasons_shown", "requested_by", "due", "state_shown", "decide_shown"]
    list_display_links = None
    list_filter = ["state", "deadline"]
    search_fields = ["subject_label"]
    sortable_by = ()

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """Return the order of the inbox."""
        open_deadline = Case(When(state=State.OPEN, then=F("deadline")))
        return [OrderBy(open_deadline, nulls_last=True), F("closed_at").desc(nulls_last=True)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApprovalRequest]:
        """Return the requests with what the list shows of them, in a constant number of queries."""
        return super().get_queryset(request).prefetch_related("decisions__actor")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the inbox as of one moment of the database's clock."""
        return super().changelist_view(
            request,
            {"title": _("Approval inbox"), "may_decide": may_decide(request), **(extra_context or {})},
        )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Give each row what its columns need of the request."""
        changelist = super().get_changelist_instance(request)
        moment = database_now()
        people = _people(changelist.result_list)
        for row in changelist.result_list:
            row._shown = Shown(request=request, now=moment, people=people)
        return changelist

    @admin.display(description=gettext_lazy("subject"))
    def subject(self, row: ApprovalRequest) -> SafeString:
        """The label, leading to the page where one decides."""
        page = reverse("admin:approvals_approvalrequest_change", args=[row.pk])
        return format_html('<a class="strong" href="{}">{}</a>', page, row.subject_label)

    @admin.display(description=gettext_lazy("why"))
    def reasons_shown(self, row: ApprovalRequest) -> SafeString:
        """What was measured against which limit."""
        return format_html_join(
            mark_safe("<br>"),
            '<span class="reason"><strong>{}</strong> &gt; {}</span> <span class="quiet">{}</span>',
            ((reason["measured"], reason["threshold"], reason["rule"]) for reason in row.shown_reasons),
        )

    @admin.display(description=gettext_lazy("requested by"))
    def requested_by(self, row: ApprovalRequest) -> SafeString:
        """Who made what is decided about, and so may not decide; and how long ago."""
        people = ", ".join(_shown(row).people.get(person, "–") for person in row.contributors)
        return format_html(
            '{}<br><span class="quiet">{}</span>',
            people,
            _moment(row.created_at, age(row.created_at, _shown(row).now)),
        )

    @admin.display(description=gettext_lazy("deadline"))
    def due(self, row: ApprovalRequest) -> SafeString:
        """How long there is to decide, coloured by urgency; the moment itself where it is over."""
        if row.state != State.OPEN:
            return _moment(row.closed_at or row.deadline, age(row.closed_at or row.deadline, _shown(row).now))
        now = _shown(row).now
        return badge(time_left(row.deadline, now), urgency(row.deadline, now))

    @admin.display(description=gettext_lazy("state"))
    def state_shown(self, row: ApprovalRequest) -> SafeString:
        """Open, or how it ended."""
        return badge(row.get_state_display(), TONES[State(row.state)])

    @admin.display(description=gettext_lazy("decision"))
    def decide_shown(self, row: ApprovalRequest) -> SafeString | str:
        """The two buttons, or why there are none, or who decided."""
        if row.state != State.OPEN:
            return (
                format_html_join(", ", "{}", ((decision.actor.email,) for decision in row.decisions.all()))
                or "–"
            )
        request: HttpRequest = _shown(row).request
        if not may_decide(request):
            return format_html('<span class="quiet">{}</span>', _("waits for an auditor"))
        if person_of(request).pk in row.contributors:
            return format_html('<span class="quiet">{}</span>', SECOND_PERSON)
        buttons = format_html_join(
            " ",
            '<a class="button small tone-{}" href="{}">{}</a>',
            (
                (
                    command.tone,
                    reverse(f"admin:approvals_approvalrequest_{command.name}", args=[row.pk]),
                    command.label,
                )
                for command in COMMANDS
            ),
        )
        return format_html('<span class="row-actions">{}</span>', buttons)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show everything that the decider needs; refuse and note a POST."""
        if request.method == "POST":
            self.refuse_write(request, "change", [object_id])
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return TemplateResponse(request, "approvals/request.html", self._detail(request, row))

    def _detail(self, request: HttpRequest, row: ApprovalRequest) -> dict[str, Any]:
        shown = subject_contexts([row])[row.pk]
        now: datetime = shown["now"]
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": row.subject_label,
            "row": row,
            "state": badge(row.get_state_display(), TONES[State(row.state)]),
            "due": badge(time_left(row.deadline, now), urgency(row.deadline, now)),
            "people": _people([row]).values(),
            "item": shown,
            "subject_url": subject_url(row.subject_type, row.subject_id),
            "buttons": [command for command in COMMANDS if command.offered(request, row)],
            "may_decide": may_decide(request),
            "own": person_of(request).pk in row.contributors,
            "is_open": row.state == State.OPEN,
        }


def _shown(row: ApprovalRequest) -> Shown:
    shown: Shown = row._shown  # type: ignore[attr-defined]  # set where the list is made
    return shown


def _people(rows: Sequence[ApprovalRequest]) -> dict[UUID, str]:
    wanted = {person for row in rows for person in row.contributors}
    return dict(User.objects.filter(pk__in=wanted).values_list("pk", "email")) if wanted else {}


def _moment(moment: datetime, words: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', moment.isoformat(), moment_text(moment), words
    )


@admin.register(ApprovalDecision)
class ApprovalDecisionAdmin(OrganizationLimited[ApprovalDecision], ReadOnlyAdmin[ApprovalDecision]):
    """The decisions that were made; rows of history."""

    organization_path = "request__organization_id"
    list_display = ["request", "verdict", "actor", "reason", "created_at"]
    list_filter = ["verdict", "created_at"]
    list_select_related = ["request", "actor"]
    search_fields = ["request__subject_label", "actor__email"]
    sortable_by = ()
