"""Failures on request: rows that make the sandbox fail a number of times, or always."""

from django.db import connection
from django.db.models import F

from orders.ports import CarrierRefusedError, OutsideUnavailableError
from orders.sandbox.models import SandboxFault

# In a fault's key: whatever the key is.
ANY_KEY = "*"
# Asked before every call to the sandbox; through the ORM it took an eighth of an order's time in Python.
_PLANNED = """
SELECT id, remaining, lasting FROM orders_sandboxfault
WHERE key IN (%s, %s) AND operation = %s AND remaining <> 0 ORDER BY id LIMIT 1
"""


def show_fault(*, key: str, operation: str) -> None:
    """Fail if a fault is planned for this operation on `key` or on any; each shown one counts down."""
    with connection.cursor() as cursor:
        cursor.execute(_PLANNED, [key, ANY_KEY, operation])
        fault = cursor.fetchone()
    if fault is None:
        return
    pk, remaining, lasting = fault
    if remaining > 0:
        SandboxFault.objects.filter(pk=pk, remaining__gt=0).update(remaining=F("remaining") - 1)
    if lasting:
        raise CarrierRefusedError(f"the sandbox refuses {operation}")
    raise OutsideUnavailableError(f"the sandbox fails {operation}")
