"""Commands of people about themselves."""

from uuid import UUID

from holo.idempotency.commands import command
from holo.identity.operations import remember_language


@command
def choose_language(*, user_id: UUID, language: str) -> None:
    """Note the language that a person has chosen in the admin; one that is not offered is passed over.

    Idempotent by nature. Locks the person's row, alone.
    """
    remember_language(user_id, language)
