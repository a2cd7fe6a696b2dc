"""What the audit trail says in words, in the language of whoever reads it: actions and their details."""

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.utils.translation import gettext, gettext_noop

# Each is an action's own words, so that an action without a row here is still shown in English.
ACTIONS = (
    gettext_noop("action refused"),
    gettext_noop("add refused"),
    gettext_noop("approval decided"),
    gettext_noop("cancel requested"),
    gettext_noop("change refused"),
    gettext_noop("code approved"),
    gettext_noop("code refused"),
    gettext_noop("dead letter retried"),
    gettext_noop("delete refused"),
    gettext_noop("environment created"),
    gettext_noop("group added"),
    gettext_noop("group changed"),
    gettext_noop("group deleted"),
    gettext_noop("invitation accepted"),
    gettext_noop("invitation revoked"),
    gettext_noop("key created"),
    gettext_noop("key replaced"),
    gettext_noop("key revoked"),
    gettext_noop("late payment closed"),
    gettext_noop("login blocked"),
    gettext_noop("login failed"),
    gettext_noop("member added"),
    gettext_noop("member invited"),
    gettext_noop("member removed"),
    gettext_noop("order placed"),
    gettext_noop("organization added"),
    gettext_noop("organization changed"),
    gettext_noop("payment recovered"),
    gettext_noop("payment requested"),
    gettext_noop("product changed"),
    gettext_noop("product created"),
    gettext_noop("project created"),
    gettext_noop("project renamed"),
    gettext_noop("public token signed"),
    gettext_noop("recovery code used"),
    gettext_noop("recovery codes made"),
    gettext_noop("reserved corrected"),
    gettext_noop("retry requested"),
    gettext_noop("role changed"),
    gettext_noop("run started again"),
    gettext_noop("run terminated"),
    gettext_noop("run woken"),
    gettext_noop("second factor enrolled"),
    gettext_noop("second factor refused"),
    gettext_noop("second factor reset"),
    gettext_noop("second factor shown"),
    gettext_noop("secret deleted"),
    gettext_noop("secret read"),
    gettext_noop("secret revealed"),
    gettext_noop("secret set"),
    gettext_noop("secrets resealed"),
    gettext_noop("session begun"),
    gettext_noop("session ended"),
    gettext_noop("stock received"),
    gettext_noop("stray hold ended"),
    gettext_noop("stray hold released"),
    gettext_noop("user added"),
    gettext_noop("user change cancel requested"),
    gettext_noop("user change requested"),
    gettext_noop("user change started again"),
    gettext_noop("user changed"),
    gettext_noop("user created"),
    gettext_noop("user deleted"),
    gettext_noop("user discarded"),
    gettext_noop("user updated"),
    gettext_noop("vote withdrawn"),
    gettext_noop("voted"),
    gettext_noop("warehouse created"),
)

# Names of details that are no field of the row that a history is about.
DETAILS = (
    gettext_noop("action"),
    gettext_noop("actor"),
    gettext_noop("after"),
    gettext_noop("asked from"),
    gettext_noop("before"),
    gettext_noop("by"),
    gettext_noop("code"),
    gettext_noop("count"),
    gettext_noop("email"),
    gettext_noop("ended"),
    gettext_noop("groups"),
    gettext_noop("identifier"),
    gettext_noop("jti"),
    gettext_noop("key"),
    gettext_noop("key id"),
    gettext_noop("kind"),
    gettext_noop("name"),
    gettext_noop("owner id"),
    gettext_noop("password"),
    gettext_noop("payment id"),
    gettext_noop("permissions"),
    gettext_noop("prefix"),
    gettext_noop("price"),
    gettext_noop("priority"),
    gettext_noop("project"),
    gettext_noop("quantity"),
    gettext_noop("reason"),
    gettext_noop("request id"),
    gettext_noop("role"),
    gettext_noop("scopes"),
    gettext_noop("sku"),
    gettext_noop("slug"),
    gettext_noop("state"),
    gettext_noop("topic"),
    gettext_noop("until"),
    gettext_noop("user"),
    gettext_noop("verdict"),
    gettext_noop("version"),
    gettext_noop("warehouse"),
    gettext_noop("works until"),
)


def action_label(action: str) -> str:
    """Return an action in words."""
    return gettext(action.rpartition(".")[2].replace("_", " "))


def detail_label(name: str, model: type[Model]) -> str:
    """Return the name of a detail: as the row's own field is called, or else in words."""
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return gettext(name.replace("_", " ")) if name else ""
    return str(getattr(field, "verbose_name", name))
