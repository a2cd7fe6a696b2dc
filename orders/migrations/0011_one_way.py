"""Guards in the database: payments and parcels go one way, their references and deadlines stay."""

from django.db import migrations

from holo.common.guards import one_way, refuse_when, sees_all_rows, written_once


class Migration(migrations.Migration):
    """Puts the guards in place."""

    dependencies = [("orders", "0010_origins")]

    operations = [
        one_way(
            "orders_payment",
            ("requested", "captured"),
            ("requested", "declined"),
            ("requested", "withdrawn"),
            # An attempt that outlived its order: captured and given back before the answer was written.
            ("requested", "refunded"),
            ("captured", "refunded"),
        ),
        written_once("orders_payment", "gateway_reference", "decline_code"),
        one_way(
            "orders_shipment",
            ("preparing", "ready"),
            ("preparing", "refused"),
            ("preparing", "voided"),
            ("ready", "handed_over"),
            ("ready", "voided"),
        ),
        written_once("orders_shipment", "label_reference", "tracking_number"),
        refuse_when(
            "orders_order",
            "no_longer_deadline",
            before="UPDATE OF payment_deadline",
            when="OLD.payment_deadline IS NOT NULL"
            " AND (NEW.payment_deadline IS NULL OR NEW.payment_deadline > OLD.payment_deadline)",
            message="a deadline for paying is not put off",
        ),
        sees_all_rows(
            "orders_check_outcome()",
            "orders_check_event()",
            "orders_check_handover()",
            "orders_refuse_order_change()",
        ),
    ]
