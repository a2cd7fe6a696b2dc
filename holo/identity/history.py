"""The history of a row: what the audit trail says of it, for those who may read the trail."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from holo.audit.selectors import list_history
from holo.common.admin import BoundedSearch
from holo.identity.action_labels import action_label, detail_label
from holo.identity.actor_names import actor_name
from holo.identity.staff import organization_ids

_PER_PAGE = 50
_NOTHING = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of the trail as a page shows it. Each detail is a name, what was before, and what is now."""

    moment: datetime
    actor: str
    by_key: bool
    action: str
    label: str
    details: list[tuple[str, str, str]]
    request_id: str


def may_see_history(request: HttpRequest, page: BoundedSearch[Any]) -> bool:
    """Tell whether the trail records rows of this kind, and the person may read it."""
    return bool(page.audit_subject) and request.user.has_perm("audit.view_auditevent")


def history_page(request: HttpRequest, page: BoundedSearch[Any], object_id: str) -> HttpResponse:
    """Show the rows of the trail about one row, newest first, of the person's organisations alone."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if not page.has_view_permission(request):
        raise PermissionDenied
    if not page.audit_subject:
        raise Http404
    if not may_see_history(request, page):
        raise PermissionDenied
    row = page.get_object(request, unquote(object_id))
    if row is None:
        raise Http404
    limit = None if request.user.is_superuser else organization_ids(request)
    rows = list_history(page.audited_as(row), organization_ids=limit).annotate(by=actor_name())
    pages = Paginator(rows, _PER_PAGE)
    shown = pages.get_page(request.GET.get("p"))
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": _("History: %(row)s") % {"row": row},
        "row": row,
        "shown": shown,
        "page_numbers": pages.get_elided_page_range(shown.number),
        "entries": [_entry(event, page.model) for event in shown],
    }
    return TemplateResponse(request, "admin/object_history.html", context)


def _entry(event: Any, model: type[Model]) -> Entry:
    return Entry(
        moment=event.created_at,
        actor=event.by,
        by_key=event.api_key_id is not None,
        action=event.action,
        label=action_label(event.action),
        details=list(_details(event.data, model)),
        request_id=event.request_id,
    )


def _details(data: Any, model: type[Model]) -> Iterator[tuple[str, str, str]]:
    """Yield what a row's data say: name, what was before (empty where that is not told), what is now."""
    if not isinstance(data, Mapping):
        yield "", "", _shown(data)
        return
    for name, value in data.items():
        shown_name = detail_label(str(name), model)
        if not isinstance(value, Mapping) or not {"before", "after"} >= set(value) or not value:
            yield shown_name, "", _shown(value)
        elif isinstance(value.get("before"), list) and isinstance(value.get("after"), list):
            yield from _difference(shown_name, value["before"], value["after"])
        else:
            yield shown_name, _shown(value.get("before")), _shown(value.get("after"))


def _difference(name: str, before: list[Any], after: list[Any]) -> Iterator[tuple[str, str, str]]:
    """Yield what was added to a list and what was taken from it."""
    added = [one for one in after if one not in before]
    removed = [one for one in before if one not in after]
    if added:
        yield _("%(name)s, added") % {"name": name}, "", _shown(added)
    if removed:
        yield _("%(name)s, removed") % {"name": name}, "", _shown(removed)


def _shown(value: Any) -> str:
    if value is None or value == "" or value == []:
        return _NOTHING
    if value == "changed":
        # Of personal data and passwords the trail says no more.
        return pgettext("a value", "changed")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_shown(one)}" for name, one in value.items())
    return str(value)
