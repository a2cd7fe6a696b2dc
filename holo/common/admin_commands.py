"""Commands in the admin: one row or many, a page in between, an answer for each row.

A command is a view of its own and never `save_model`, which Django wraps in a transaction. The page is
reached by a row's button or by a changelist action; only its form, a POST with CSRF token, changes anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from holo.common.admin import ReadOnlyAdmin
from holo.common.errors import DomainError
from holo.common.step_up import kept_form, step_up

M = TypeVar("M", bound=Model)
Text = str | Promise

# How many rows one command may be given for: each is a transaction of its own within one request.
MAX_ROWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Generic[M]):
    """One row on a command's page: `token` ties the answer to what is shown, `obstacle` says why not."""

    row: M
    token: str
    obstacle: Text
    context: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one row."""

    label: str
    url: str
    applied: bool
    message: str
    code: str = ""


class AdminCommand(Generic[M]):
    """One command: what it is called, who may give it, and how it is given for one row."""

    name: str
    label: Text
    title: Text
    explanation: Text = ""
    # How the button looks: `primary`, `good` or `danger`.
    tone: str = "primary"
    form_class: type[forms.Form] = forms.Form
    # Whether a fresh second factor is asked for, before the form and when it is sent.
    needs_step_up = False
    # Shows one row on the page; knows `row` and what `contexts` returns for it.
    template: str

    def allowed(self, request: HttpRequest) -> bool:
        """Tell whether the person may give the command at all."""
        raise NotImplementedError

    def token(self, row: M) -> str:
        """Return what ties an answer to the content that is shown."""
        return ""

    def obstacle(self, request: HttpRequest, row: M) -> Text:
        """Return why the command would be refused for a row as it is now; empty if it would not."""
        return ""

    def contexts(self, request: HttpRequest, rows: Sequence[M]) -> dict[Any, dict[str, Any]]:
        """Return what the template needs beside the row, by primary key."""
        return {}

    def run(self, request: HttpRequest, row: M, *, token: str, data: dict[str, Any]) -> str:
        """Give the command for one row and return what to say. Raises DomainError where it is refused."""
        raise NotImplementedError

    def explain(self, request: HttpRequest, error: DomainError) -> str:
        """Return a refusal in the person's language."""
        return error.message

    def offered(self, request: HttpRequest, row: M) -> bool:
        """Tell whether a button for the row makes sense."""
        return self.allowed(request) and not self.obstacle(request, row)


class CommandAdmin(ReadOnlyAdmin[M]):
    """A read-only admin whose rows take commands."""

    commands: Sequence[AdminCommand[M]] = ()

    def get_urls(self) -> list[URLPattern]:
        """Add two addresses for each command: the page of one row, and where all pages post to."""
        own: list[URLPattern] = []
        for command in self.commands:
            name = f"{self.opts.app_label}_{self.opts.model_name}_{command.name}"
            page = self.admin_site.admin_view(partial(self._row_page, command))
            target = self.admin_site.admin_view(partial(self._run, command))
            own.append(path(f"<id:object_id>/{command.name}/", page, name=name))
            own.append(path(f"{command.name}/", target, name=f"{name}_run"))
        return own + super().get_urls()

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the commands that the person may give."""
        offered = [command for command in self.commands if command.allowed(request)]
        return {command.name: (partial(_act, command), command.name, command.label) for command in offered}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Refuse a list of rows that the person cannot see before anything else looks at it."""
        if request.method == "POST":
            self.visible_rows(request, "action", request.POST.getlist(ACTION_CHECKBOX_NAME))
        return super().changelist_view(request, extra_context)

    def command_queryset(self, request: HttpRequest) -> QuerySet[M]:
        """Return the rows with what a command's page shows of them."""
        return self.get_queryset(request)

    def visible_rows(self, request: HttpRequest, what: str, ids: Sequence[str]) -> list[M]:
        """Return the rows of `ids` in that order; one that is foreign, absent or malformed refuses all."""
        try:
            keys = list(dict.fromkeys(UUID(text) for text in ids))
        except ValueError:
            self.refuse_write(request, what, ids)
        rows = {row.pk: row for row in self.command_queryset(request).filter(pk__in=keys[: MAX_ROWS + 1])}
        if any(key not in rows for key in keys[: MAX_ROWS + 1]):
            self.refuse_write(request, what, ids)
        return [rows[key] for key in keys[: MAX_ROWS + 1]]

    def page_of_action(
        self, command: AdminCommand[M], request: HttpRequest, queryset: QuerySet[M]
    ) -> HttpResponse | None:
        """Answer a changelist action with the command's page."""
        if request.POST.get("select_across") == "1":
            keys = [str(key) for key in queryset.values_list("pk", flat=True)[: MAX_ROWS + 1]]
        else:
            keys = request.POST.getlist(ACTION_CHECKBOX_NAME)
        rows = self.visible_rows(request, command.name, keys)
        if len(rows) > MAX_ROWS:
            text = _("At most %(count)d at once. Nothing was changed; select fewer.")
            self.message_user(request, text % {"count": MAX_ROWS}, messages.ERROR)
            return None
        asked = step_up(request, back=self._form_page(command, [])) if command.needs_step_up else None
        return asked or self._page(command, request, rows, command.form_class())

    def _form_page(self, command: AdminCommand[M], rows: Sequence[M]) -> str:
        """Return where one finds the command's form again: for several rows the list they are chosen from."""
        info = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        if len(rows) == 1:
            return reverse(f"{info}_{command.name}", args=[rows[0].pk])
        return reverse(f"{info}_changelist")

    def _row_page(self, command: AdminCommand[M], request: HttpRequest, object_id: UUID) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return _not_allowed(request, "GET", "HEAD")
        if not command.allowed(request):
            raise PermissionDenied
        row = self.command_queryset(request).filter(pk=object_id).first()
        if row is None:
            raise Http404
        asked = step_up(request) if command.needs_step_up else None
        return asked or self._page(command, request, [row], command.form_class(initial=kept_form(request)))

    def _page(
        self, command: AdminCommand[M], request: HttpRequest, rows: Sequence[M], form: forms.Form
    ) -> HttpResponse:
        contexts = command.contexts(request, rows)
        items = [
            Item(
                row=row,
                token=command.token(row),
                obstacle=command.obstacle(request, row),
                context=contexts.get(row.pk, {}),
            )
            for row in rows
        ]
        info = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        back = f"{info}_change" if len(rows) == 1 else f"{info}_changelist"
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": command.title,
            "command": command,
            "items": items,
            "open_count": sum(1 for item in items if not item.obstacle),
            "form": form,
            "target": reverse(f"{info}_{command.name}_run"),
            "back": reverse(back, args=[rows[0].pk] if len(rows) == 1 else []),
        }
        return TemplateResponse(request, "admin/holo/command.html", context)

    def _run(self, command: AdminCommand[M], request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return _not_allowed(request, "POST")
        if not command.allowed(request):
            raise PermissionDenied
        tokens = dict(text.partition(":")[::2] for text in request.POST.getlist("item"))
        rows = self.visible_rows(request, command.name, list(tokens))
        if not rows or len(rows) > MAX_ROWS:
            raise PermissionDenied
        asked = step_up(request, back=self._form_page(command, rows)) if command.needs_step_up else None
        if asked is not None:
            return asked
        form = command.form_class(request.POST)
        if not form.is_valid():
            return self._page(command, request, rows, form)
        outcomes = [
            self._outcome(command, request, row, tokens[str(row.pk)], form.cleaned_data) for row in rows
        ]
        if len(outcomes) == 1:
            level = messages.SUCCESS if outcomes[0].applied else messages.ERROR
            self.message_user(request, f"{outcomes[0].label}: {outcomes[0].message}", level)
            return HttpResponseRedirect(outcomes[0].url)
        return self._results(command, request, outcomes)

    def _outcome(
        self, command: AdminCommand[M], request: HttpRequest, row: M, token: str, data: dict[str, Any]
    ) -> Outcome:
        label = str(row)
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])
        try:
            message = command.run(request, row, token=token, data=data)
        except DomainError as error:
            return Outcome(
                label=label, url=url, applied=False, message=command.explain(request, error), code=error.code
            )
        return Outcome(label=label, url=url, applied=True, message=message)

    def _results(
        self, command: AdminCommand[M], request: HttpRequest, outcomes: Sequence[Outcome]
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": command.title,
            "outcomes": outcomes,
            "applied": sum(1 for outcome in outcomes if outcome.applied),
            "refused": sum(1 for outcome in outcomes if not outcome.applied),
            "back": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"),
        }
        return TemplateResponse(request, "admin/holo/command_result.html", context)


def _not_allowed(request: HttpRequest, *methods: str) -> HttpResponse:
    """Answer with a page: whoever logs in again after a form was sent is led here by a GET."""
    return HttpResponseNotAllowed(methods, render_to_string("405.html", request=request))


def _act(
    command: AdminCommand[M], admin: CommandAdmin[M], request: HttpRequest, queryset: QuerySet[M]
) -> HttpResponse | None:
    return admin.page_of_action(command, request, queryset)
