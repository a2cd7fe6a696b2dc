"""Takes a person's addresses out of Django's log of the admin and out of browsers' sessions."""

from collections.abc import Iterator

from django.contrib.sessions.models import Session

from holo.common.erasure import Erased, erases, replace_addresses


@erases
def erase_from_log(erased: Erased) -> None:
    """Replace the addresses: the log names a person, and a membership, by the address of that day."""
    about = f"object_id = '{erased.user_id}'" if erased.shared else "TRUE"
    replace_addresses(erased, "django_admin_log", "object_repr", among=about)
    replace_addresses(erased, "django_admin_log", "change_message", among=about)


@erases
def erase_from_sessions(erased: Erased) -> None:
    """End the person's sessions, and those that still hold a message or a form with an address.

    What sessions hold is packed, so that each has to be opened.
    """
    for session in Session.objects.iterator():
        held = session.get_decoded()
        holds = not erased.shared and any(map(erased.holds_address, _texts(held)))
        if holds or held.get("_auth_user_id") == str(erased.user_id):
            session.delete()


def _texts(held: object) -> Iterator[str]:
    """Yield every text that a session holds; names are the code's own."""
    if isinstance(held, str):
        yield held
    elif isinstance(held, dict):
        for value in held.values():
            yield from _texts(value)
    elif isinstance(held, list):
        for value in held:
            yield from _texts(value)
