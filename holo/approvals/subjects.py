"""How what is decided about looks: each app registers its own subject types, this package knows none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import NoReverseMatch, reverse


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectView:
    """How subjects of one type are shown to whoever decides.

    `template` shows one; `contexts` returns what it needs for each of several, by a fixed number of queries.
    `text` returns the lines that say the same in a mail, in the reader's language.
    """

    template: str
    contexts: Callable[[Sequence[UUID]], Mapping[UUID, dict[str, Any]]]
    text: Callable[[UUID], Sequence[str]] | None = None


_VIEWS: dict[str, SubjectView] = {}


def register_subject(subject_type: str, view: SubjectView) -> None:
    """Say how subjects of a type are shown."""
    _VIEWS[subject_type] = view


def find_subject_view(subject_type: str) -> SubjectView | None:
    """Return how subjects of a type are shown, None where nobody has said."""
    return _VIEWS.get(subject_type)


def subject_url(subject_type: str, subject_id: UUID) -> str | None:
    """Return the subject's page in the admin; a type is `<app>.<model>`."""
    try:
        return reverse(f"admin:{subject_type.replace('.', '_')}_change", args=[subject_id])
    except NoReverseMatch:
        return None
