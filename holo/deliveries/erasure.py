"""Removes the addresses of a person who is erased from deliveries."""

from holo.common.erasure import Erased, erases
from holo.deliveries.operations import forget_recipient


@erases
def erase_from_deliveries(erased: Erased) -> None:
    """Withdraw what was still to be sent to one of the addresses, and remove them from all rows."""
    forget_recipient(person_id=erased.user_id, addresses=erased.addresses)
