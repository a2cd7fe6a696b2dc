"""Permissions as people read them: Django stores their names in English, whatever language a page is in."""

from django.contrib.auth import get_permission_codename
from django.contrib.auth.models import Permission
from django.utils.translation import gettext, gettext_noop

_DEFAULT = {
    "add": gettext_noop("Can add %(name)s"),
    "change": gettext_noop("Can change %(name)s"),
    "delete": gettext_noop("Can delete %(name)s"),
    "view": gettext_noop("Can view %(name)s"),
}


def permission_label(permission: Permission) -> str:
    """Return a permission with what it is about, in the language of whoever reads it."""
    return f"{permission.content_type} | {_name(permission)}"


def _name(permission: Permission) -> str:
    model = permission.content_type.model_class()
    for action, text in _DEFAULT.items():
        if model is not None and permission.codename == get_permission_codename(action, model._meta):
            return gettext(text) % {"name": model._meta.verbose_name}
    # Those of models are marked for translation where they are declared.
    return gettext(permission.name)
