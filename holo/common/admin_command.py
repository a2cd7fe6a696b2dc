"""One command of the admin: what it is called, who may give it, and how it is given for one row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django import forms
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise

from holo.common.errors import DomainError

M = TypeVar("M", bound=Model)
Text = str | Promise


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
    # How many rows it may be given for at once; None for as many as any command may.
    most_rows: int | None = None
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

    def onward(self, request: HttpRequest) -> HttpResponse | None:
        """Return where a command for one row leads, given or refused; None for the row's page."""
        return None

    def explain(self, request: HttpRequest, error: DomainError) -> str:
        """Return a refusal in the person's language."""
        return error.message

    def offered(self, request: HttpRequest, row: M) -> bool:
        """Tell whether a button for the row makes sense."""
        return self.allowed(request) and not self.obstacle(request, row)
