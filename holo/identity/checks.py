"""Checks of people: who is who is defined once, here, and in production none is of the demonstration."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from holo.common.weak_settings import Rule
from holo.identity.selectors import demo_passwords_work

DEMO_PEOPLE = Rule(
    setting="demo people",
    is_weak=lambda _given: demo_passwords_work(),
    what=_("can log in here with a password that everybody knows"),
    todo=_("deactivate them or give them other passwords; `seed_demo` has no place in production"),
    refused=True,
)
# What a second model of a person, a tenant or a place to run in would be called, in lower case.
_SHARED = {
    **dict.fromkeys(("user", "person", "profile", "employee"), "User"),
    **dict.fromkeys(("organization", "organisation", "tenant", "company", "merchant"), "Organization"),
    **dict.fromkeys(("membership", "member", "organizationmember"), "Membership"),
    **dict.fromkeys(("project", "workspace"), "Project"),
    **dict.fromkeys(("environment", "runtimeenvironment", "stage"), "Environment"),
}
_OWN = "holo.identity"


def defined_once(app_configs: Sequence[AppConfig] | None, **_options: Any) -> list[CheckMessage]:
    """Return an error for each model elsewhere that is called like one of this app's."""
    chosen = apps.get_app_configs() if app_configs is None else app_configs
    return second_models(model for config in chosen for model in config.get_models())


def second_models(models: Iterable[type[Model]]) -> list[CheckMessage]:
    """Return an error for each of `models` that is a second model of a shared entity."""
    return [
        Error(
            f"{model._meta.label} looks like a second model of holo.identity's {_SHARED[name]}",
            hint=f"Refer to {_SHARED[name]} by foreign key; keep what is your own under its own name.",
            obj=model,
            id="identity.E001",
        )
        for model in models
        if (name := model.__name__.lower()) in _SHARED
        and not model.__module__.startswith(_OWN)
        # Django's own user is swapped out.
        and not model._meta.swapped
    ]
