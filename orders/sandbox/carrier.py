"""The sandbox carrier."""

from django.db import connection

from orders.ports import CarrierRefusedError, Label, Parcel
from orders.sandbox.faults import show_fault
from orders.sandbox.models import SandboxLabel

_BOOK = """
INSERT INTO orders_sandboxlabel (key, reference, state, created_at) VALUES (%s, %s, 'created', now())
ON CONFLICT (key) DO NOTHING
"""


class SandboxCarrier:
    """Keeps its books in `SandboxLabel`, one row per parcel. In mode `fail` it refuses every label."""

    def create_label(self, parcel: Parcel) -> Label:
        """Book a label once."""
        show_fault(key=parcel.key, operation="create_label")
        if parcel.mode == "fail":
            raise CarrierRefusedError("the address is out of the carrier's area")
        reference = f"lbl_{parcel.key}"
        with connection.cursor() as cursor:
            cursor.execute(_BOOK, [parcel.key, reference])
        tracking = f"HX{parcel.key.replace('-', '')[-12:].upper()}"
        return Label(reference=reference, tracking_number=tracking)

    def void_label(self, *, key: str) -> None:
        """Make a label worthless."""
        show_fault(key=key, operation="void_label")
        SandboxLabel.objects.filter(pk=key, state="created").update(state="voided")

    def hand_over(self, parcel: Parcel) -> None:
        """Take the parcel."""
        show_fault(key=parcel.key, operation="hand_over")
        SandboxLabel.objects.filter(pk=parcel.key, state="created").update(state="handed_over")
