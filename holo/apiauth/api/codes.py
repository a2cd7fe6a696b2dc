"""The two endpoints that ask nobody who they are: a login from the command line begins and ends here."""

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from holo.apiauth import services
from holo.apiauth.api import answers, requests
from holo.apiauth.services.codes import POLL_EVERY
from holo.apiauth.views import ApiView
from holo.common.callers import client_address
from holo.common.fence import fence_of_request


# A session that a request happens to bring does not say whose rows are meant.
@method_decorator(fence_of_request(), name="dispatch")
class _OpenView(ApiView):
    """For callers who have no credential yet."""

    authentication_classes = []
    permission_classes = [AllowAny]
    # Strangers call this, and its few fields need no more.
    largest_body = 16 * 1024


class CodeListView(_OpenView):
    """Authorisation codes."""

    @extend_schema(
        request=requests.CreateCodeRequest,
        responses={201: answers.CodeAnswer},
        summary="Begin a login from the command line",
    )
    def post(self, request: Request) -> HttpResponse:
        """Return a code to poll with and the address where a person approves it, for ten minutes."""
        wanted = self.valid(requests.CreateCodeRequest)
        row, code = services.create_authorization_code(
            client_name=wanted["client_name"],
            scopes=wanted["scopes"],
            address=client_address(request._request),
        )
        url = settings.PUBLIC_URL + reverse("authorize", args=[row.pk])
        interval = int(POLL_EVERY.total_seconds())
        return self.answer(answers.render_code(row, code, url, interval), status=201)


class ExchangeView(_OpenView):
    """The token of an approved code."""

    # The code is a secret, so it stands in the body; one that is not there is 404 all the same.
    finds_by_body = True

    @extend_schema(
        request=requests.ExchangeRequest,
        responses={201: answers.NewTokenAnswer},
        summary="Take the token of an approved code",
    )
    def post(self, request: Request) -> HttpResponse:
        """Return the personal token, once; `apiauth.authorization_pending` until somebody has decided."""
        token, text = services.exchange_authorization_code(**self.valid(requests.ExchangeRequest)).given()
        return self.answer({**answers.render_token(token), "token": text}, status=201)
