"""The endpoints of changes of users: parse, authorise, one service, render."""

import json
import threading
import time
from collections.abc import Callable
from typing import ClassVar
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from holo.apiauth.scopes import USERS_READ, USERS_WRITE
from holo.apiauth.views import ApiView
from holo.common.api.filters import Filters, choice_filter, integer_filter, parse_integer, text_filter
from holo.common.api.problems import json_bytes
from holo.common.errors import NotFoundError
from holo.identity import selectors, services
from holo.identity.models import UserChange
from workflows.users.api import answers, requests

# How long an answer waits for the process to begin, and how often it looks.
_BEGINNING = 0.5
_PAUSE = 0.02
# How long a result may be waited for, and by how many at once: each keeps a thread of the web process busy.
LONGEST_WAIT = 30
_USUAL_WAIT = 5
_waiting = threading.BoundedSemaphore(2)
# As many wait for their process to begin: while no worker runs, requests of one key would keep every thread.
_beginning = threading.BoundedSemaphore(2)


class _ChangeView(ApiView):
    """One change, by the id of its process."""

    def change(self, workflow_id: str) -> UserChange:
        """Return the change of the caller's organisation. Raises NotFoundError."""
        prefix, _dash, rest = workflow_id.partition("-")
        action, _dash, text = rest.partition("-")
        try:
            found = selectors.get_user_change(self.actor.organization_id, UUID(text))
        except ValueError:
            raise NotFoundError(_("there is no such change")) from None
        if (prefix, action, text) != ("user", found.action, str(found.pk)):
            raise NotFoundError(_("there is no such change"))
        return found


class ChangeListView(ApiView):
    """Changes of users that the organisation's systems asked for."""

    required_scopes = {"GET": USERS_READ, "POST": USERS_WRITE}
    step_up = frozenset({"POST"})
    filters: ClassVar[Filters] = {
        "user_id": text_filter("reference", max_length=64),
        "action": choice_filter("action", UserChange.Action.values),
        "status": choice_filter("state", UserChange.State.values),
    }
    ordering = ("-id",)

    @extend_schema(
        responses=answers.ChangeAnswer(many=True), summary="List the changes of users, newest first"
    )
    def get(self, request: Request) -> HttpResponse:
        """Return a page of the organisation's changes."""
        return self.page(selectors.list_user_changes(self.actor.organization_id), answers.render_change)

    @extend_schema(
        request=requests.UserChangeRequest,
        responses={202: answers.StartedAnswer},
        summary="Create, update or delete a user",
    )
    def post(self, request: Request) -> HttpResponse:
        """Accept the change; a process does it. Ask for the result at its address."""
        wanted = self.valid(requests.UserChangeRequest)
        action = UserChange.Action(wanted["action"])
        response = self.run_command(
            lambda key: services.request_user_change(
                actor=self.actor,
                reference=wanted["user_id"],
                action=action,
                email=wanted.get("email", ""),
                name=wanted.get("name", ""),
                request_key=key,
            ),
            render=answers.render_started,
            status=202,
        )
        return self._with_run(response) if response.status_code == 202 else response

    def _with_run(self, response: HttpResponse) -> HttpResponse:
        """Put the run's id in, which no answer that is kept under a key can know when it is committed."""
        workflow_id = json.loads(response.content)["workflow_id"]
        change_id = UUID(workflow_id.split("-", 2)[2])
        change = selectors.get_user_change(self.actor.organization_id, change_id)
        change = _later(change, lambda found: bool(found.run_id), seconds=_BEGINNING, among=_beginning)
        response.content = json_bytes(answers.render_started(change))
        return response


class ChangeView(_ChangeView):
    """One change of a user."""

    required_scopes = {"GET": USERS_READ}
    tagged = True
    filters: ClassVar[Filters] = {
        "run_id": text_filter("run_id", max_length=64, description="Only if this is its run; else 404."),
    }

    @extend_schema(responses=answers.ChangeAnswer, summary="See a change of a user")
    def get(self, request: Request, workflow_id: str) -> HttpResponse:
        """Return how far the change is, and its result when it has ended."""
        found = self.change(workflow_id)
        run_id = request.query_params.get("run_id")
        if run_id is not None and self.filters["run_id"].parse(run_id) != found.run_id:
            raise NotFoundError(_("there is no such run"))
        return self.answer(answers.render_change(found))


class ResultView(_ChangeView):
    """The result of a change of a user."""

    required_scopes = {"GET": USERS_READ}
    one_state = False  # it waits for what others commit
    filters: ClassVar[Filters] = {
        "wait": integer_filter(
            "wait", low=0, high=LONGEST_WAIT, description="Seconds to wait for the end; 5 unless told."
        ),
    }

    @extend_schema(responses=answers.ChangeAnswer, summary="Wait for the result of a change of a user")
    def get(self, request: Request, workflow_id: str) -> HttpResponse:
        """Return the change when it has ended, or as it is after the wait; then `result` is null.

        Where others wait already the answer comes at once.
        """
        found = self.change(workflow_id)
        text = request.query_params.get("wait")
        seconds = _USUAL_WAIT if text is None else parse_integer(text, 0, LONGEST_WAIT)
        found = _later(found, lambda change: change.ended_at is not None, seconds=seconds, among=_waiting)
        return self.answer(answers.render_change(found))


class CancelView(_ChangeView):
    """The cancel of a change of a user."""

    required_scopes = {"POST": USERS_WRITE}

    @extend_schema(
        request=requests.EmptyRequest,
        responses={202: answers.ChangeAnswer},
        summary="Cancel a change of a user",
    )
    def post(self, request: Request, workflow_id: str) -> HttpResponse:
        """Ask the change to end undone; it may still succeed if its write is under way."""
        found = self.change(workflow_id)
        self.valid(requests.EmptyRequest)
        return self.run_command(
            lambda key: services.cancel_user_change(actor=self.actor, change_id=found.pk, request_key=key),
            render=answers.render_change,
            status=202,
        )


def _later(
    change: UserChange,
    condition: Callable[[UserChange], bool],
    *,
    seconds: float,
    among: threading.BoundedSemaphore,
) -> UserChange:
    """Read the row again, outside of any transaction, until `condition` holds or the time is over.

    Where as many wait as may, the row is returned as it is.
    """
    if condition(change) or not seconds or not among.acquire(blocking=False):
        return change
    try:
        until = time.monotonic() + seconds
        while not condition(change) and time.monotonic() < until:
            time.sleep(_PAUSE)
            change.refresh_from_db()
        return change
    finally:
        among.release()
