"""Takes a person's addresses out of orders."""

from holo.common.erasure import Erased, erases
from orders.models import Order


@erases
def erase_from_buyers(erased: Erased) -> None:
    """Rename the buyer of orders that the person placed under an address; they stay one buyer's.

    What a merchant's clients call their other buyers is the merchant's, whoever has an account here.
    """
    for address in erased.addresses:
        Order.objects.filter(created_by_id=erased.user_id, buyer__address=address).update(
            buyer=erased.replacement
        )
