"""What the admin pages of all apps share: badges, and pages that show rows without a way to change them."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn, TypeVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG, SEARCH_VAR, ChangeList
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import FieldError, PermissionDenied, ValidationError
from django.db import DataError, ProgrammingError, models
from django.db.models import Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext_lazy

from holo.common.characters import normal
from holo.common.kept_form import kept_form
from holo.common.text_field import AddressField, PlainTextField

logger = logging.getLogger("holo.security")
M = TypeVar("M", bound=Model)

# Longer search texts find nothing: each word of one is a condition of its own in the query.
MAX_SEARCH_LENGTH = 100
NUL = "\x00"

# What Django's pages say and its own Simplified Chinese lacks; a catalogue of ours comes before it.
BORROWED_TEXTS = (
    gettext_noop("Model name"),
    gettext_noop("Add link"),
    gettext_noop("Change or view list link"),
    gettext_noop("After you’ve created a user, you’ll be able to edit more user options."),
    gettext_noop("Error:"),
    ngettext_lazy(
        "This password is too short. It must contain at least %d character.",
        "This password is too short. It must contain at least %d characters.",
    ),
)

# The colours that a badge may have; the theme knows no others.
TONES = ("neutral", "info", "progress", "good", "warn", "bad")


def badge(label: str | Promise, tone: str = "neutral") -> SafeString:
    """Return a state as a small coloured label."""
    assert tone in TONES, tone
    return format_html('<span class="badge badge-{}">{}</span>', tone, label)


def moment_text(moment: datetime, *, seconds: bool = False) -> str:
    """Return a moment with its time zone, in a form that reads the same in every language."""
    return localtime(moment).strftime("%Y-%m-%d %H:%M:%S %Z" if seconds else "%Y-%m-%d %H:%M %Z")


def holds_nul(request: HttpRequest) -> bool:
    """Tell whether a parameter of the address holds a NUL, which no text of the database can contain."""
    return any(NUL in value for _name, values in request.GET.lists() for value in values)


# What Django and PostgreSQL raise about a value that no row can have.
_ODD_VALUES = (
    *(ArithmeticError, LookupError, TypeError, ValueError),
    *(DataError, FieldError, ProgrammingError, ValidationError),
)


class RefusingChangeList(ChangeList):
    """A list that leads back to its beginning where the address asks for what no row can have.

    Django refuses most of it so itself, but not what only the query, or the database, finds out.
    """

    def get_results(self, request: HttpRequest) -> None:
        """Read the rows of the page. Raises IncorrectLookupParameters."""
        try:
            super().get_results(request)
            # Reads them now: while the page is rendered it is too late.
            len(self.result_list)
        except _ODD_VALUES as error:
            # Without a query the fault is ours.
            if not request.GET:
                raise
            raise IncorrectLookupParameters(error) from error


class BoundedSearch(admin.ModelAdmin[M]):
    """Rows whose filters break nothing, and whose search finds texts in whatever form they are typed.

    Forms of its rows take the characters that every other field takes, and come back as filled in.
    """

    formfield_overrides = {
        models.CharField: {"form_class": PlainTextField},
        models.TextField: {"form_class": PlainTextField},
        models.EmailField: {"form_class": AddressField},
        models.SlugField: {"form_class": forms.SlugField},
    }

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that refuses."""
        return RefusingChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list; say where it is not the one that was asked for."""
        if request.method == "GET":
            self._warn_of_another_list(request)
        return super().changelist_view(request, extra_context)

    def _warn_of_another_list(self, request: HttpRequest) -> None:
        if ERROR_FLAG in request.GET:
            # Django leads here, without the filters, from an address that it does not understand.
            text = _("All rows are shown: the address had a filter or an order that this list does not have.")
            messages.warning(request, text)
        if len(request.GET.get(SEARCH_VAR, "")) > MAX_SEARCH_LENGTH:
            text = _("Nothing was searched for: a search text has at most %(most)d characters.")
            messages.warning(request, text % {"most": MAX_SEARCH_LENGTH})

    # What the audit trail calls rows of this kind; empty where it records nothing of them.
    audit_subject = ""

    def audited_as(self, row: M) -> list[tuple[str, str]]:
        """Return the types and ids by which the trail names a row; refusals go by the model's own name."""
        return [(name, str(row.pk)) for name in sorted({self.audit_subject, self.opts.label_lower})]

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what the audit trail says of a row; the site has the page, for it knows organisations."""
        page: HttpResponse = self.admin_site.history_page(request, self, object_id)  # type: ignore[attr-defined]
        return page

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Tell whether the list may be filtered so; never by a value that could be guessed that way."""
        if lookup.split(LOOKUP_SEP)[0] in getattr(self.model, "shut", ()):
            return False
        return super().lookup_allowed(lookup, value, request)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> M | None:
        """Return the row that an address means; an empty `_to_field` means the key, as a missing one does."""
        return super().get_object(request, object_id, from_field or None)

    def get_form(
        self, request: HttpRequest, obj: M | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Return the form; filled with what was kept of it, if it could not be taken when it was sent."""
        form = super().get_form(request, obj, change=change, **kwargs)
        kept = kept_form(request)
        return form if kept is None else _filled(form, kept)

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Return the field; one that is searched shows nothing where its value is no key."""
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", _KeyedSelect(db_field, self.admin_site, using=kwargs.get("using")))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_formset_kwargs(self, request: HttpRequest, obj: M, inline: Any, prefix: str) -> dict[str, Any]:
        """Fill the inline forms in the same way."""
        values = super().get_formset_kwargs(request, obj, inline, prefix)
        kept = kept_form(request)
        return values if kept is None else {**values, "data": kept}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        """Search; a text that is too long finds nothing."""
        if len(search_term) > MAX_SEARCH_LENGTH:
            return queryset.none(), False
        return super().get_search_results(request, queryset, normal(search_term))


class _KeyedSelect(AutocompleteSelect):
    """A row that is searched for. Django asks the database also for what can be no key."""

    def optgroups(self, name: str, value: Sequence[str], attrs: Any = None) -> Any:
        """Return the chosen row, none for a value that its key cannot have."""
        return super().optgroups(name, [one for one in value if self._is_key(one)], attrs)

    def _is_key(self, value: str) -> bool:
        try:
            self.field.target_field.to_python(value or None)
        except ValidationError:
            return False
        return True


def _filled(form: type[Any], kept: QueryDict) -> type[Any]:
    class Filled(form):  # type: ignore[misc]  # made anew for each request
        def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
            super().__init__(kept if data is None else data, *args, **kwargs)

    return Filled


class ReadOnlyAdmin(BoundedSearch[M]):
    """Rows to look at. Nobody adds, changes or deletes here, superusers included."""

    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 100
    actions: Sequence[Any] | None = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds rows by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Nobody edits rows by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Nobody deletes rows."""
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Name the list after what it holds: there is nothing to select for change."""
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a row; refuse and note every attempt to write one."""
        if request.method == "POST":
            self.refuse_write(request, "change" if object_id else "add", [object_id or ""])
        return super().changeform_view(request, object_id, form_url, extra_context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Refuse; note the attempt."""
        if request.method == "POST":
            self.refuse_write(request, "delete", [object_id])
        return super().delete_view(request, object_id, extra_context)

    def refuse_write(self, request: HttpRequest, what: str, ids: Sequence[str]) -> NoReturn:
        """Note a refused attempt, then raise PermissionDenied."""
        self.note_refusal(request, what, ids)
        raise PermissionDenied

    def note_refusal(self, request: HttpRequest, what: str, ids: Sequence[str]) -> None:
        """Write down that somebody tried what the admin has no way for."""
        logger.warning(
            "refused %s of %s by %s: %d rows", what, self.opts.label_lower, request.user.pk, len(ids)
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        """Return the rows; none where the address holds a NUL."""
        rows = super().get_queryset(request)
        return rows.none() if holds_nul(request) else rows
