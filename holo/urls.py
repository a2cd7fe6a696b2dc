"""Every address of the web process."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from holo.apiauth.pages import authorization_page
from holo.common.api.documentation import ApiDocumentation, ApiSchema, error_catalogue
from holo.common.health import live, ready
from holo.common.metrics import metrics
from holo.common.middleware import REPORTS_PATH
from holo.common.strangers import no_such_call
from holo.csp_reports import csp_reports
from holo.domains import domain_urls
from holo.identity.language import switch_language
from holo.identity.pages import invitation_page

handler400 = "holo.common.api.problems.bad_request"
handler403 = "holo.common.api.problems.permission_denied"
handler404 = "holo.common.api.problems.not_found"
handler500 = "holo.common.api.problems.server_error"

v1 = [
    path("", include("inventory.api.urls")),
    path("", include("orders.api.urls")),
    path("", include("holo.identity.api.urls")),
    path("", include("holo.secretstore.api.urls")),
    path("", include("holo.apivote.api.urls")),
    path("", include("holo.apiauth.api.urls")),
    *(path("", include(module)) for module in domain_urls(settings.ENABLE_DOMAINS)),
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/", admin.site.urls),
    path("invitations/<str:token>", invitation_page, name="accept-invitation"),
    path("authorize/<id:code_id>", authorization_page, name="authorize"),
    path("i18n/", include([path("setlang/", switch_language, name="set_language")])),
    path("api/v1/", include((v1, "v1"), namespace="v1")),
    path("api/schema", ApiSchema.as_view(), name="schema"),
    path("api/docs", ApiDocumentation.as_view(url_name="schema"), name="docs"),
    path("api/errors", error_catalogue, name="errors"),
    re_path(r"^api/(?P<path>.*)$", no_such_call),
    path("healthz/live", live, name="live"),
    path("healthz/ready", ready, name="ready"),
    path("metrics", metrics, name="metrics"),
    path(REPORTS_PATH[1:], csp_reports, name="csp-reports"),
]
