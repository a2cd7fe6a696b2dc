"""Takes a person's addresses out of the names of keys and programs."""

from django.db.models import Q

from holo.apiauth.models import ApiKey, AuthorizationCode
from holo.common.erasure import Erased, erases


@erases
def erase_from_names(erased: Erased) -> None:
    """Empty names with an address in them; keys of the person work no more, and each has its prefix."""
    for address in erased.addresses:
        named = Q(name__icontains=address)
        ApiKey.objects.filter(named, owner_id=erased.user_id).update(name="")
        AuthorizationCode.objects.filter(user_id=erased.user_id, client_name__icontains=address).update(
            client_name="-"
        )
