"""Commands about the variables of an environment: secrets named `env/NAME`, for managers alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from holo.common.actor import Actor
from holo.common.errors import NotFoundError
from holo.idempotency.commands import RequestKey, command
from holo.identity.models import Environment
from holo.identity.operations import require_manager
from holo.secretstore.errors import VariableExistsError
from holo.secretstore.locks import lock_secret
from holo.secretstore.models import Secret
from holo.secretstore.operations import claim, read_version, wipe_secret, write_secret
from holo.secretstore.places import Place, place_of
from holo.secretstore.selectors import VARIABLE_PREFIX, get_environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """How many variables an import added, changed, and left because they were there."""

    created: int
    updated: int
    skipped: int


@command
def create_variable(
    *,
    actor: Actor,
    project: str,
    environment: str,
    name: str,
    value: str,
    request_key: RequestKey | None = None,
) -> Secret:
    """Add a variable to an environment of the actor's organisation, named by short names.

    Idempotent by `request_key`. Locks the variable. Raises RoleRequiredError, NotFoundError,
    VariableExistsError, and as `set_secret`.
    """
    place = _place(actor, project, environment)
    if claim(place, VARIABLE_PREFIX + name).has_value:
        raise VariableExistsError(_("the variable %(name)s is there already") % {"name": name}, name=name)
    return write_secret(actor, place, VARIABLE_PREFIX + name, value)


@command
def update_variable(
    *,
    actor: Actor,
    project: str,
    environment: str,
    name: str,
    value: str,
    check: Callable[[Secret], None] | None = None,
    request_key: RequestKey | None = None,
) -> Secret:
    """Give a variable a new value, as a new version.

    `check` is called with the locked variable and may raise, where the caller decided on what it saw before.
    Idempotent by `request_key`. Locks the variable. Raises RoleRequiredError, NotFoundError, and as
    `set_secret` and `check`.
    """
    place = _place(actor, project, environment)
    _lock(place, name, check)
    return write_secret(actor, place, VARIABLE_PREFIX + name, value)


@command
def import_variables(
    *,
    actor: Actor,
    project: str,
    environment: str,
    variables: Mapping[str, str],
    overwrite: bool,
    request_key: RequestKey | None = None,
) -> Imported:
    """Add all variables, or none; those that are there are changed with `overwrite` and left without.

    Idempotent by `request_key`. Locks the variables by name. Raises RoleRequiredError, NotFoundError, and as
    `set_secret`.
    """
    place = _place(actor, project, environment)
    created = updated = skipped = 0
    for name in sorted(variables):
        is_there = claim(place, VARIABLE_PREFIX + name).has_value
        if is_there and not overwrite:
            skipped += 1
            continue
        write_secret(actor, place, VARIABLE_PREFIX + name, variables[name])
        created, updated = created + (not is_there), updated + is_there
    return Imported(created=created, updated=updated, skipped=skipped)


@command
def get_variable(*, actor: Actor, project: str, environment: str, name: str) -> tuple[Secret, str]:
    """Return a variable with its value, and write that it was given out.

    Takes no locks. Raises RoleRequiredError, NotFoundError, and as `get_secret`.
    """
    place = _place(actor, project, environment)
    found = read_version(actor, place, VARIABLE_PREFIX + name, str)
    if found is None:
        raise _absent()
    version, value = found
    return version.secret, value


@command
def delete_variable(
    *,
    actor: Actor,
    project: str,
    environment: str,
    name: str,
    check: Callable[[Secret], None] | None = None,
    request_key: RequestKey | None = None,
) -> Secret:
    """Wipe a variable with all its versions, and return what it was.

    `check` as in `update_variable`. Idempotent by `request_key`; else a second call finds none. Locks the
    variable. Raises RoleRequiredError, NotFoundError, and as `check`.
    """
    place = _place(actor, project, environment)
    _lock(place, name, check)
    return wipe_secret(actor, place, VARIABLE_PREFIX + name)


def _place(actor: Actor, project: str, environment: str) -> Place:
    """Return the place of an environment. Where it is, is told to managers only, like all about secrets."""
    require_manager(actor)
    found: Environment = get_environment(actor, project, environment)
    return place_of(found)


def _lock(place: Place, name: str, check: Callable[[Secret], None] | None) -> None:
    """Lock a variable that is there, and let the caller look at it. Raises NotFoundError."""
    known = lock_secret(place, VARIABLE_PREFIX + name)
    if known is None or not known.has_value:
        raise _absent()
    if check is not None:
        check(known)


def _absent() -> NotFoundError:
    return NotFoundError(_("there is no such variable"))
