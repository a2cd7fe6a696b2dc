"""Takes a person's addresses out of what went wrong with messages."""

from holo.common.erasure import Erased, erases, replace_addresses


@erases
def erase_from_errors(erased: Erased) -> None:
    """Replace the addresses: the refusal of a mail server names them."""
    replace_addresses(erased, "outbox_outboxmessage", "last_error", among="last_error <> ''")
