"""Commands about projects and their environments."""

import re
from collections.abc import Callable

from django.utils.translation import gettext as _

from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.common.texts import clean_text, invalid_field
from holo.idempotency.commands import RequestKey, command
from holo.identity.errors import EnvironmentSlugTakenError, ProjectSlugTakenError
from holo.identity.models import SHORT_NAME, SHORT_NAME_LENGTH, Environment, Project
from holo.identity.operations import lock_manager
from holo.identity.selectors import get_project

# What each project begins with; the short name is the kind's.
STANDING = (Environment.Kind.PRODUCTION, Environment.Kind.STAGING, Environment.Kind.DEVELOPMENT)
_NAME_LENGTH = 200


@command
def create_project(*, actor: Actor, slug: str, name: str, request_key: RequestKey | None = None) -> Project:
    """Add a project with an environment of each standing kind to the actor's organisation.

    `slug` has 1 to 50 characters of `SHORT_NAME`, `name` 1 to 200. Idempotent by `request_key`. Locks the
    organisation. Raises RoleRequiredError, ProjectSlugTakenError, InvalidError.
    """
    lock_manager(actor)
    project, created = Project.objects.get_or_create(
        organization_id=actor.organization_id,
        slug=_slug(slug),
        defaults={"name": clean_text(name, field="name", longest=_NAME_LENGTH, joiners=True)},
    )
    if not created:
        message = _("another project has the short name %(slug)s") % {"slug": slug}
        raise ProjectSlugTakenError(message, field="slug", slug=slug)
    Environment.objects.bulk_create(
        Environment(organization_id=actor.organization_id, project=project, slug=kind.value, kind=kind.value)
        for kind in STANDING
    )
    record_audit(
        actor=actor,
        action="identity.project_created",
        subject_type="identity.project",
        subject_id=project.pk,
        data={"slug": project.slug},
    )
    return project


@command
def rename_project(
    *,
    actor: Actor,
    slug: str,
    name: str,
    check: Callable[[Project], None] | None = None,
    request_key: RequestKey | None = None,
) -> Project:
    """Give a project of the actor's organisation another name; the short name stays.

    `check` is called with the project under the lock and may raise, where the caller decided on what it saw
    before. Idempotent by nature. Locks the organisation. Raises RoleRequiredError, NotFoundError,
    InvalidError, and as `check`.
    """
    lock_manager(actor)
    project = get_project(actor.organization_id, slug)
    if check is not None:
        check(project)
    before, project.name = project.name, clean_text(name, field="name", longest=_NAME_LENGTH, joiners=True)
    if project.name == before:
        return project
    project.save(update_fields=["name"])
    record_audit(
        actor=actor,
        action="identity.project_renamed",
        subject_type="identity.project",
        subject_id=project.pk,
        data={"name": {"before": before, "after": project.name}},
    )
    return project


@command
def create_environment(
    *,
    actor: Actor,
    project_slug: str,
    slug: str,
    kind: Environment.Kind,
    request_key: RequestKey | None = None,
) -> Environment:
    """Add an environment to a project of the actor's organisation; `slug` as in `create_project`.

    Idempotent by `request_key`. Locks the organisation. Raises RoleRequiredError, NotFoundError,
    EnvironmentSlugTakenError, InvalidError.
    """
    lock_manager(actor)
    project = get_project(actor.organization_id, project_slug)
    environment, created = Environment.objects.get_or_create(
        project=project,
        slug=_slug(slug),
        defaults={"organization_id": actor.organization_id, "kind": kind.value},
    )
    if not created:
        message = _("another environment has the short name %(slug)s") % {"slug": slug}
        raise EnvironmentSlugTakenError(message, field="slug", slug=slug)
    record_audit(
        actor=actor,
        action="identity.environment_created",
        subject_type="identity.environment",
        subject_id=environment.pk,
        data={"project": project.slug, "slug": environment.slug, "kind": environment.kind},
    )
    return environment


def _slug(slug: str) -> str:
    if len(slug) > SHORT_NAME_LENGTH or re.search(SHORT_NAME, slug) is None or slug.endswith("\n"):
        message = _("has 1 to %(longest)d lower-case letters and digits, with single hyphens between")
        raise invalid_field("slug", message % {"longest": SHORT_NAME_LENGTH})
    return slug
