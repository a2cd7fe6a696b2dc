"""Reads of secrets that show no value."""

from uuid import UUID

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from holo.common.actor import Actor
from holo.common.errors import NotFoundError
from holo.identity.models import Environment
from holo.secretstore.models import Secret, SecretVersion
from holo.secretstore.places import Place, place_of

# Variables of an environment are secrets of names that begin so.
VARIABLE_PREFIX = "env/"
# What the product keeps for itself: who saw a value could act for others. No page shows one.
INTERNAL_PREFIXES = ("staff/", "apiauth/")


def get_environment(actor: Actor, project: str, environment: str) -> Environment:
    """Return an environment that the actor reaches, by short names. Raises NotFoundError."""
    found = Environment.objects.filter(
        organization_id=actor.organization_id, project__slug=project, slug=environment
    ).first()
    if found is None or actor.environment_id not in (None, found.pk):
        raise NotFoundError(_("there is no such environment"))
    return found


def list_variables(actor: Actor, project: str, environment: str) -> QuerySet[Secret]:
    """Return the variables of an environment, without values. Raises NotFoundError."""
    place = place_of(get_environment(actor, project, environment))
    newest = SecretVersion.objects.filter(secret=OuterRef("pk"), number=OuterRef("version"))
    return list_secrets(place, prefix=VARIABLE_PREFIX).annotate(
        changed_at=Subquery(newest.values("created_at")[:1])
    )


def list_secrets(place: Place, *, prefix: str = "") -> QuerySet[Secret]:
    """Return the secrets of one place, by name; not those of places within it, nor deleted ones."""
    return Secret.objects.filter(
        **place.columns(), name__startswith=prefix, deleted_at__isnull=True
    ).order_by("name")


def list_versions(place: Place, name: str) -> QuerySet[SecretVersion]:
    """Return the versions of a secret, newest first; those of a deleted one too, which are wiped."""
    return SecretVersion.objects.filter(
        secret__in=Secret.objects.filter(**place.columns(), name=name)
    ).order_by("-number")


def find_revealable(secret_id: UUID) -> Secret | None:
    """Return a secret that was kept by people and is not deleted, with its place."""
    found = Secret.objects.select_related("organization", "project", "environment").filter(pk=secret_id)
    secret = found.filter(deleted_at__isnull=True).first()
    return None if secret is None or secret.name.startswith(INTERNAL_PREFIXES) else secret


def count_versions_by_key() -> dict[str, int]:
    """Return how many versions each key seals."""
    sealed = SecretVersion.objects.filter(ciphertext__isnull=False)
    return dict(sealed.values_list("key_id").annotate(Count("id")).order_by("key_id"))
