"""Commands in the admin: one row or many, a page in between, an answer for each row.

A command is a view of its own and never `save_model`, which Django wraps in a transaction. The page is
reached by a row's button or by a changelist action; only its form, a POST with CSRF token, changes anything.
"""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    QueryDict,
)
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from holo.common.admin import ReadOnlyAdmin
from holo.common.admin_command import AdminCommand, Item, Outcome
from holo.common.errors import DomainError
from holo.common.kept_form import forget_form, keep_form, kept_form
from holo.common.step_up import step_up

M = TypeVar("M", bound=Model)

# How many rows one command may be given for: each is a transaction of its own within one request.
MAX_ROWS = 100
# Where the browser's session keeps what became of the rows of the last command for several.
_OUTCOMES = "command_outcomes"
# Of the address of a list; longer ones are cut.
_LONGEST_QUERY = 2000


class CommandAdmin(ReadOnlyAdmin[M]):
    """A read-only admin whose rows take commands."""

    commands: Sequence[AdminCommand[M]] = ()
    # Of the ids in addresses.
    key_converter = "id"

    def get_urls(self) -> list[URLPattern]:
        """Add two addresses for each command: the page of one row, and where all pages post to."""
        own: list[URLPattern] = []
        for command in self.commands:
            name = f"{self.opts.app_label}_{self.opts.model_name}_{command.name}"
            page = self.admin_site.admin_view(partial(self._row_page, command))
            target = self.admin_site.admin_view(partial(self._run, command))
            own.append(path(f"<{self.key_converter}:object_id>/{command.name}/", page, name=name))
            outcomes = self.admin_site.admin_view(partial(self._outcomes, command))
            own.append(path(f"{command.name}/", target, name=f"{name}_run"))
            own.append(path(f"{command.name}/outcomes/", outcomes, name=f"{name}_outcomes"))
        return own + super().get_urls()

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the commands that the person may give."""
        offered = [command for command in self.commands if command.allowed(request)]
        return {command.name: (partial(_act, command), command.name, command.label) for command in offered}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Refuse a list of rows that the person cannot see before anything else looks at it.

        Where the list was sent after the session had ended, the page that it leads to is shown now.
        """
        if request.method == "POST":
            self.visible_rows(request, "action", request.POST.getlist(ACTION_CHECKBOX_NAME))
        kept = kept_form(request)
        command = self._command_of(request, kept.get("action", "")) if kept else None
        if kept and command:
            rows = self.get_changelist_instance(request).get_queryset(request)
            shown = self._page_of_chosen(command, request, kept, rows)
            if shown is not None:
                return shown
        return super().changelist_view(request, extra_context)

    def _command_of(self, request: HttpRequest, name: str) -> AdminCommand[M] | None:
        offered = [command for command in self.commands if command.allowed(request)]
        return next((command for command in offered if command.name == name), None)

    def command_queryset(self, request: HttpRequest) -> QuerySet[M]:
        """Return the rows with what a command's page shows of them."""
        return self.get_queryset(request)

    def visible_rows(self, request: HttpRequest, what: str, ids: Sequence[str]) -> list[M]:
        """Return the rows of `ids` in that order; one that is foreign, absent or malformed refuses all."""
        try:
            keys = list(dict.fromkeys(self.opts.pk.to_python(text) for text in ids))
        except ValidationError:
            self.refuse_write(request, what, ids)
        rows = {row.pk: row for row in self.command_queryset(request).filter(pk__in=keys[: MAX_ROWS + 1])}
        if any(key not in rows for key in keys[: MAX_ROWS + 1]):
            self.refuse_write(request, what, ids)
        return [rows[key] for key in keys[: MAX_ROWS + 1]]

    def page_of_action(
        self, command: AdminCommand[M], request: HttpRequest, queryset: QuerySet[M]
    ) -> HttpResponse | None:
        """Answer a changelist action with the command's page."""
        return self._page_of_chosen(command, request, request.POST, queryset)

    def _page_of_chosen(
        self, command: AdminCommand[M], request: HttpRequest, chosen: QueryDict, queryset: QuerySet[M]
    ) -> HttpResponse | None:
        if chosen.get("select_across") == "1":
            keys = [str(key) for key in queryset.values_list("pk", flat=True)[: MAX_ROWS + 1]]
        else:
            keys = chosen.getlist(ACTION_CHECKBOX_NAME)
        rows = self.visible_rows(request, command.name, keys)
        if not rows:
            return None
        most = command.most_rows or MAX_ROWS
        if len(rows) > most:
            text = _("At most %(count)d at once. Nothing was changed; select fewer.")
            self.message_user(request, text % {"count": most}, messages.ERROR)
            return None
        form = QueryDict(mutable=True)
        form.setlist("item", [f"{row.pk}:{command.token(row)}" for row in rows])
        form["list"] = listed = request.GET.urlencode()
        return self._asked(command, request, rows, form) or self._page(
            command, request, rows, command.form_class(), listed=listed
        )

    def _asked(
        self, command: AdminCommand[M], request: HttpRequest, rows: Sequence[M], form: QueryDict
    ) -> HttpResponse | None:
        """Return the way to the page that asks for a code, and from there back to the command's page."""
        if not command.needs_step_up:
            return None
        info = f"admin:{self.opts.app_label}_{self.opts.model_name}_{command.name}"
        back = reverse(info, args=[rows[0].pk]) if len(rows) == 1 else reverse(f"{info}_run")
        return step_up(request, back=back, form=form)

    def _row_page(self, command: AdminCommand[M], request: HttpRequest, object_id: Any) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return _not_allowed(request, "GET", "HEAD")
        if not command.allowed(request):
            raise PermissionDenied
        row = self.command_queryset(request).filter(pk=object_id).first()
        if row is None:
            raise Http404
        asked = step_up(request) if command.needs_step_up else None
        return asked or self._page_again(command, request, [row], kept_form(request))

    def _page_again(
        self, command: AdminCommand[M], request: HttpRequest, rows: Sequence[M], kept: QueryDict | None
    ) -> HttpResponse:
        """Show the command's page, as it was filled in if it was kept."""
        listed = kept.get("list", "") if kept else ""
        # A page that was kept before its form was seen has nothing to be found fault with.
        filled = kept if kept and set(kept) - {"item", "list"} else None
        return self._page(command, request, rows, command.form_class(filled), listed=listed)

    def _page(
        self,
        command: AdminCommand[M],
        request: HttpRequest,
        rows: Sequence[M],
        form: forms.Form,
        *,
        listed: str,
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
        alone = len(rows) == 1 and not listed
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": command.title,
            "command": command,
            "items": items,
            "open_count": sum(1 for item in items if not item.obstacle),
            "form": form,
            "target": reverse(f"{info}_{command.name}_run"),
            "back": reverse(f"{info}_change", args=[rows[0].pk]) if alone else self._list(listed),
            "listed": listed,
        }
        return TemplateResponse(request, "admin/holo/command.html", context)

    def _list(self, listed: str) -> str:
        """Return the address of the list as it was filtered."""
        query = QueryDict(listed[:_LONGEST_QUERY]).urlencode()
        address = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return f"{address}?{query}" if query else address

    def _run(self, command: AdminCommand[M], request: HttpRequest) -> HttpResponse:
        kept = kept_form(request)
        if request.method != "POST" and not kept:
            return _not_allowed(request, "POST")
        if not command.allowed(request):
            raise PermissionDenied
        form = kept or request.POST
        tokens = dict(text.partition(":")[::2] for text in form.getlist("item"))
        rows = self.visible_rows(request, command.name, list(tokens))
        if not rows or len(rows) > (command.most_rows or MAX_ROWS):
            raise PermissionDenied
        asked = self._asked(command, request, rows, form)
        if asked is not None:
            return asked
        if kept:
            # There is no such page without what was kept; a reload would end in 405 with the text lost.
            keep_form(request, form=kept)
            return self._page_again(command, request, rows, kept)
        forget_form(request)
        return self._given(command, request, rows, tokens)

    def _given(
        self, command: AdminCommand[M], request: HttpRequest, rows: Sequence[M], tokens: dict[str, str]
    ) -> HttpResponse:
        """Give the command for each row, then lead to what became of it: reloading gives it to none."""
        form, listed = command.form_class(request.POST), request.POST.get("list", "")
        if not form.is_valid():
            return self._page(command, request, rows, form, listed=listed)
        outcomes = [
            self._outcome(command, request, row, tokens.get(str(row.pk), ""), form.cleaned_data)
            for row in rows
        ]
        if len(outcomes) == 1:
            onward = command.onward(request)
            if onward is not None:
                return onward
            level = messages.SUCCESS if outcomes[0].applied else messages.ERROR
            self.message_user(request, f"{outcomes[0].label}: {outcomes[0].message}", level)
            return HttpResponseRedirect(outcomes[0].url)
        page = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{command.name}_outcomes")
        request.session[_OUTCOMES] = {
            "page": page,
            "list": listed,
            "outcomes": [asdict(outcome) for outcome in outcomes],
        }
        return HttpResponseRedirect(page)

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

    def _outcomes(self, command: AdminCommand[M], request: HttpRequest) -> HttpResponse:
        """Show what became of the rows that the person gave the command for last."""
        if request.method not in ("GET", "HEAD"):
            return _not_allowed(request, "GET", "HEAD")
        if not command.allowed(request):
            raise PermissionDenied
        given = request.session.get(_OUTCOMES)
        if not given or given["page"] != request.path:
            return HttpResponseRedirect(self._list(""))
        outcomes = [Outcome(**values) for values in given["outcomes"]]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": command.title,
            "outcomes": outcomes,
            "applied": sum(1 for outcome in outcomes if outcome.applied),
            "refused": sum(1 for outcome in outcomes if not outcome.applied),
            "back": self._list(given["list"]),
        }
        return TemplateResponse(request, "admin/holo/command_result.html", context)


def _not_allowed(request: HttpRequest, *methods: str) -> HttpResponse:
    """Answer with a page: whoever logs in again after a form was sent is led here by a GET."""
    return HttpResponseNotAllowed(methods, render_to_string("405.html", request=request))


def _act(
    command: AdminCommand[M], admin: CommandAdmin[M], request: HttpRequest, queryset: QuerySet[M]
) -> HttpResponse | None:
    return admin.page_of_action(command, request, queryset)
