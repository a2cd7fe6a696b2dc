"""Template tags that any page may use: badges, the start page's panels, addresses of the product's parts."""

from datetime import datetime
from typing import Any

from django import template
from django.conf import settings
from django.contrib.admin import site as admin_site
from django.db.models import Model
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from holo.common import admin
from holo.common.dashboard import panels

register = template.Library()


@register.simple_tag
def badge(label: str, tone: str = "neutral") -> SafeString:
    """Return a coloured label."""
    return admin.badge(label, tone)


@register.filter
def exact_text(value: str) -> SafeString:
    """Return a text that a browser shows, and copies, as it is: HTML drops a first LF and reads CR as LF."""
    escaped = conditional_escape(value).replace("\r", "&#13;")
    return mark_safe("\n" + escaped if escaped.startswith("\n") else escaped)  # noqa: S308 - escaped above


@register.filter
def moment(value: datetime | None, precision: str = "minutes") -> SafeString | str:
    """Return a moment, to the minute or (`moment:"seconds"`) to the second."""
    if value is None:
        return "–"
    shown = admin.moment_text(value, seconds=precision == "seconds")
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), shown)


@register.simple_tag(takes_context=True)
def dashboard(context: template.Context) -> SafeString:
    """Return the panels of the start page that are for the person."""
    request: HttpRequest = context["request"]
    rendered = []
    for panel in panels():
        own: dict[str, Any] | None = panel.context(request)
        if own is not None:
            rendered.append(render_to_string(panel.template, own, request))
    return mark_safe("".join(rendered))  # noqa: S308 # each part was escaped by its own template


@register.simple_tag
def temporal_ui_url() -> str:
    """Return where the Temporal UI is; empty where there is none."""
    return str(settings.TEMPORAL_UI_URL)


@register.simple_tag(takes_context=True)
def history_url(context: template.Context, row: Model) -> str:
    """Return where a row's history is; empty where there is none for the person."""
    return str(admin_site.history_url(context["request"], row))  # type: ignore[attr-defined]
