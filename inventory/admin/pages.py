"""A page with a form that gives one command: shown by GET, run by POST, then back to the list."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise

from holo.common.actor import Actor
from holo.common.admin import ReadOnlyAdmin
from holo.common.errors import ChangedMeanwhileError, DomainError
from holo.common.kept_form import sent_form
from holo.identity.staff import OrganizationLimited, actor_of_user, organization_ids, person_of

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPage:
    """One command's page: who may give it, what it asks, how it is run and what is said afterwards."""

    permission: str
    title: str | Promise
    submit: str | Promise
    form_class: Callable[..., forms.Form]
    # Gives the command and returns what to say. Raises DomainError where it is refused.
    run: Callable[[HttpRequest, dict[str, Any]], str]
    explanation: str | Promise = ""
    initial: dict[str, Any] = field(default_factory=dict)


class InventoryAdmin(OrganizationLimited[M], ReadOnlyAdmin[M]):
    """Rows of one's organisations, and pages of commands."""

    def form_page(self, request: HttpRequest, page: FormPage) -> HttpResponse:
        """Show the page or run its command."""
        if not request.user.has_perm(page.permission):
            raise PermissionDenied
        form = page.form_class(
            sent_form(request),
            initial=page.initial,
            organization_ids=organization_ids(request),
        )
        if request.method == "POST" and form.is_valid():
            try:
                said = page.run(request, form.cleaned_data)
            except ChangedMeanwhileError:
                raise
            except DomainError as error:
                _show(error, form)
            else:
                self.message_user(request, said, messages.SUCCESS)
                return HttpResponseRedirect(self.list_url())
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": page.title,
            "page": page,
            "form": form,
            "back": self.list_url(),
        }
        return TemplateResponse(request, "admin/inventory/form.html", context)

    def list_url(self) -> str:
        """Return where the list is."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")


class OwnRelatedFilter(admin.RelatedFieldListFilter):
    """Offers the related rows of one's organisations only."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        """Return the choices."""
        return field.get_choices(
            include_blank=False,
            ordering=self.field_admin_ordering(field, request, model_admin),
            limit_choices_to={"organization__in": organization_ids(request)},
        )


def actor_in(request: HttpRequest, organization_id: UUID) -> Actor:
    """Return the person as the actor in an organisation that a form or a row has named."""
    return actor_of_user(person_of(request), organization_id)


def _show(error: DomainError, form: forms.Form) -> None:
    """Put a refusal to the field that it names, else on top of the form."""
    named = [(problem.pointer.removeprefix("/"), problem.message) for problem in error.errors]
    for name, message in named or [("", error.message)]:
        form.add_error(name if name in form.fields else None, message)
