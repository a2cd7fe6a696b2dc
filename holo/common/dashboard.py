"""The start page of the admin: apps register panels, the page shows them in order."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A part of the start page. `context` returns what `template` needs, None if it is not for the person."""

    position: int
    template: str
    context: Callable[[HttpRequest], dict[str, Any] | None]


_PANELS: dict[str, Panel] = {}


def register_panel(panel: Panel) -> None:
    """Add a panel, once per template."""
    _PANELS[panel.template] = panel


def panels() -> list[Panel]:
    """Return the panels by position."""
    return sorted(_PANELS.values(), key=lambda panel: panel.position)
