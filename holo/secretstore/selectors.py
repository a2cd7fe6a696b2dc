"""Reads of secrets that show no value."""

from django.db.models import Count, QuerySet

from holo.secretstore.models import Secret, SecretVersion
from holo.secretstore.places import Place


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


def count_versions_by_key() -> dict[str, int]:
    """Return how many versions each key seals."""
    sealed = SecretVersion.objects.filter(ciphertext__isnull=False)
    return dict(sealed.values_list("key_id").annotate(Count("id")).order_by("key_id"))
