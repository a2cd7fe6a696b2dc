"""The only row locks of this package: a secret, and versions that rotation works on."""

from holo.common.db import require_transaction
from holo.secretstore.models import Secret, SecretVersion
from holo.secretstore.places import Place


def lock_secret(place: Place, name: str) -> Secret | None:
    """Lock one secret, a deleted one too; None where there is none."""
    require_transaction()
    return (
        Secret.objects.select_for_update(of=("self",), no_key=True)
        .filter(**place.columns(), name=name)
        .first()
    )


def claim_secret(place: Place, name: str) -> Secret:
    """Lock one secret, which is added first where there is none; its version is 0 then.

    An absent row cannot be locked: of several callers that add it, one does, and the others wait for it here.
    """
    require_transaction()
    Secret.objects.bulk_create([Secret(**place.columns(), name=name)], ignore_conflicts=True)
    secret = lock_secret(place, name)
    assert secret is not None, "secrets are never deleted"
    return secret


def lock_versions_sealed_otherwise(current: str, *, after: int, count: int) -> list[SecretVersion]:
    """Lock up to `count` versions that another key than `current` seals, by id from `after`.

    What somebody else holds is left for the next round.
    """
    require_transaction()
    return list(
        SecretVersion.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
        .select_related("secret")
        .filter(id__gt=after, ciphertext__isnull=False)
        .exclude(key_id=current)
        .order_by("id")[:count]
    )
