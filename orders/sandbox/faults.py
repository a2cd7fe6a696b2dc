"""Failures on request: rows that make the sandbox fail a number of times, or always."""

from django.db.models import F

from orders.ports import CarrierRefusedError, OutsideUnavailableError
from orders.sandbox.models import SandboxFault

# In a fault's key: whatever the key is.
ANY_KEY = "*"


def show_fault(*, key: str, operation: str) -> None:
    """Fail if a fault is planned for this operation on `key` or on any; each shown one counts down."""
    planned = SandboxFault.objects.filter(key__in=(key, ANY_KEY), operation=operation)
    fault = planned.exclude(remaining=0).first()
    if fault is None:
        return
    if fault.remaining > 0:
        SandboxFault.objects.filter(pk=fault.pk, remaining__gt=0).update(remaining=F("remaining") - 1)
    if fault.lasting:
        raise CarrierRefusedError(f"the sandbox refuses {operation}")
    raise OutsideUnavailableError(f"the sandbox fails {operation}")
