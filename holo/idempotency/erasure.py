"""Takes a person's addresses out of answers that are kept for repeated requests."""

from django.db import connection

from holo.common.erasure import Erased, erases

_ERASE = """
UPDATE idempotency_idempotencylog
SET body = convert_to(regexp_replace(convert_from(body, 'UTF8'), %(pattern)s, %(replacement)s, 'gi'), 'UTF8')
WHERE expires_at IS NOT NULL AND body IS NOT NULL AND convert_from(body, 'UTF8') ~* %(pattern)s
"""


@erases
def erase_from_answers(erased: Erased) -> None:
    """Replace the addresses: a repeated request is still recognised, and answered without them.

    Rows do not say whose they are, and go within days: addresses that others have too stay in them.
    """
    if erased.shared or not erased.addresses:
        return
    with connection.cursor() as cursor:
        cursor.execute(_ERASE, {"pattern": erased.pattern, "replacement": erased.replacement})
