"""The admin site: nobody reaches a page with one factor."""

from functools import update_wrapper
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.utils import quote
from django.contrib.auth import logout
from django.contrib.auth.views import PasswordChangeView
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from holo.common.kept_form import keep_until_login
from holo.common.one_state import shows_one_state
from holo.common.step_up import step_up


class StaffSite(AdminSite):
    """Django's admin behind two factors."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Tell whether somebody of the staff has logged in with both factors."""
        return super().has_permission(request) and getattr(request, "staff_session_id", None) is not None

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Let every page show one state of the rows.

        Lead who is not logged in any more to the log-in, and back to the form as they filled it in.
        """
        guarded = super().admin_view(shows_one_state(view), cacheable)

        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            ended = request.method == "POST" and not request.user.is_authenticated
            if ended and request.path != reverse("admin:logout"):
                keep_until_login(request)
            return guarded(request, *args, **kwargs)

        return update_wrapper(page, guarded)

    def history_page(self, request: HttpRequest, page: Any, object_id: str) -> HttpResponse:
        """Show what the audit trail says of a row."""
        from holo.identity.history import history_page

        return history_page(request, page, object_id)

    def history_url(self, request: HttpRequest, row: Model) -> str:
        """Return where a row's history is; empty where there is none for the person."""
        from holo.identity.history import may_see_history

        page: Any = self.get_model_admin(type(row))
        if not may_see_history(request, page):
            return ""
        return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_history", args=[quote(row.pk)])

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Put the pages of the second factor before those of the models."""
        # Not at the top: the site is made before there are models.
        from holo.staff import account, door

        own = [
            path("login/code/", door.code_page, name="login_code"),
            path("login/device/", door.enrolment_page, name="login_device"),
            path("step-up/", self.admin_view(account.step_up_page), name="step_up"),
            path("account/", self.admin_view(account.account_page), name="account"),
            path("account/codes/", self.admin_view(account.recovery_codes_page), name="recovery_codes"),
            path(
                "account/codes/shown/", self.admin_view(account.shown_codes_page), name="recovery_codes_shown"
            ),
        ]
        return [*own, *super().get_urls()]

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Ask for e-mail address and password, then lead to the second factor."""
        from holo.staff import door

        if request.method in ("GET", "HEAD") and self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        context = {
            **self.each_context(request),
            "title": _("Log in"),
            "subtitle": None,
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
            "next": request.GET.get("next", reverse("admin:index")),
            **(extra_context or {}),
        }
        return door.PasswordPage.as_view(extra_context=context)(request)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """End the session."""
        from holo.staff import account

        if request.method == "POST":
            account.end_present_session(request)
        return super().logout(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Change the own password, which ends all of one's sessions, this one too."""
        # Not at the top, as above.
        from holo.identity.forms import OwnPasswordForm

        asked = step_up(request)
        if asked is not None:
            return asked
        answer = PasswordChangeView.as_view(
            form_class=OwnPasswordForm,
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )(request)
        if request.method == "POST" and answer.status_code == 302:
            logout(request)
            return HttpResponseRedirect(f"{reverse('admin:login')}?next={reverse('admin:index')}")
        return answer
