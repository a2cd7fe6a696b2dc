"""The endpoints of an environment's variables: parse, authorise, one service, render."""

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from holo.apiauth.scopes import SECRETS_READ, SECRETS_WRITE
from holo.apiauth.views import ApiView
from holo.common.api.preconditions import check_of
from holo.secretstore import selectors, services
from holo.secretstore.api import answers, requests


class VariableListView(ApiView):
    """The variables of an environment."""

    required_scopes = {"GET": SECRETS_READ, "POST": SECRETS_WRITE}
    step_up = frozenset({"POST"})
    ordering = ("name",)

    @extend_schema(
        responses=answers.ListedVariableAnswer(many=True), summary="List the variables, without values"
    )
    def get(self, request: Request, project: str, environment: str) -> HttpResponse:
        """Return a page of the environment's variables, by name."""
        rows = selectors.list_variables(self.actor, project, environment)
        return self.page(rows, answers.render_listed)

    @extend_schema(
        request=requests.CreateVariableRequest,
        responses={201: answers.VariableAnswer},
        summary="Add a variable",
    )
    def post(self, request: Request, project: str, environment: str) -> HttpResponse:
        """Add a variable; the answer does not repeat its value."""
        wanted = self.valid(requests.CreateVariableRequest)
        return self.run_command(
            lambda key: services.create_variable(
                actor=self.actor, project=project, environment=environment, request_key=key, **wanted
            ),
            render=answers.render_variable,
            status=201,
            headers=lambda secret: {"ETag": answers.variable_tag(secret)},
        )


class VariableView(ApiView):
    """One variable."""

    required_scopes = {"GET": SECRETS_READ, "PATCH": SECRETS_WRITE, "DELETE": SECRETS_WRITE}
    one_state = False  # GET writes who read the value; that and the value are one statement's
    step_up = frozenset({"GET", "PATCH", "DELETE"})
    sensitive = frozenset({"GET"})
    if_match = frozenset({"PATCH", "DELETE"})

    @extend_schema(responses=answers.VariableValueAnswer, summary="Read a variable")
    def get(self, request: Request, project: str, environment: str, name: str) -> HttpResponse:
        """Return the newest value; that it was read is audited."""
        secret, value = services.get_variable(
            actor=self.actor, project=project, environment=environment, name=name
        )
        # A tag alone would let clients keep the answer.
        headers = {"ETag": answers.variable_tag(secret), "Cache-Control": "no-store"}
        return self.answer({**answers.render_variable(secret), "value": value}, headers=headers)

    @extend_schema(
        request=requests.UpdateVariableRequest,
        responses=answers.VariableAnswer,
        summary="Change a variable",
    )
    def patch(self, request: Request, project: str, environment: str, name: str) -> HttpResponse:
        """Give the variable another value, as a new version."""
        wanted = self.valid(requests.UpdateVariableRequest)
        check = check_of(request, answers.variable_tag)
        return self.run_command(
            lambda key: services.update_variable(
                actor=self.actor,
                project=project,
                environment=environment,
                name=name,
                check=check,
                request_key=key,
                **wanted,
            ),
            render=answers.render_variable,
            status=200,
            headers=lambda secret: {"ETag": answers.variable_tag(secret)},
        )

    @extend_schema(request=None, responses=answers.VariableAnswer, summary="Delete a variable")
    def delete(self, request: Request, project: str, environment: str, name: str) -> HttpResponse:
        """Wipe all versions of the variable."""
        check = check_of(request, answers.variable_tag)
        return self.run_command(
            lambda key: services.delete_variable(
                actor=self.actor,
                project=project,
                environment=environment,
                name=name,
                check=check,
                request_key=key,
            ),
            render=answers.render_variable,
            status=200,
        )


class ImportView(ApiView):
    """Many variables at once."""

    required_scopes = {"POST": SECRETS_WRITE}
    step_up = frozenset({"POST"})

    @extend_schema(
        request=requests.ImportRequest, responses=answers.ImportAnswer, summary="Import a .env file"
    )
    def post(self, request: Request, project: str, environment: str) -> HttpResponse:
        """Add all variables of the text, or none."""
        wanted = self.valid(requests.ImportRequest)
        return self.run_command(
            lambda key: services.import_variables(
                actor=self.actor,
                project=project,
                environment=environment,
                variables=wanted["dotenv"],
                overwrite=wanted["overwrite"],
                request_key=key,
            ),
            render=answers.render_import,
            status=200,
        )
