"""How many threads of this process wait for the stock of one product.

A product that everybody wants is sold by one transaction after the other. Without a limit it would hold every
thread of the web process, and requests about something else would wait for it too.
"""

import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from uuid import UUID

from django.utils.translation import gettext as _

from holo.common.errors import BusyError

_guard = threading.Lock()
_waiting: Counter[UUID] = Counter()


@contextmanager
def waiting_for(product_ids: Collection[UUID], *, most: int | None) -> Iterator[None]:
    """Count a thread as waiting for these products; raise BusyError where `most` wait for one already."""
    with _guard:
        if most is not None and any(_waiting[product_id] >= most for product_id in product_ids):
            raise BusyError(_("too many requests wait for the stock of a product in this order"))
        _waiting.update(product_ids)
    try:
        yield
    finally:
        with _guard:
            _waiting.subtract(product_ids)
            for product_id in product_ids:
                if not _waiting[product_id]:
                    del _waiting[product_id]
