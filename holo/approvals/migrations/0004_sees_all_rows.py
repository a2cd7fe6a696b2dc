"""Guards in the database: they look at all rows, and no request expires before its deadline."""

from django.db import migrations

from holo.common.guards import refuse_when, sees_all_rows


class Migration(migrations.Migration):
    """Puts the guards in place."""

    dependencies = [("approvals", "0003_facts")]

    operations = [
        sees_all_rows(
            "approvals_check_decision()", "approvals_check_request()", "approvals_check_auditor()"
        ),
        refuse_when(
            "approvals_approvalrequest",
            "expires_in_time",
            before="UPDATE OF state",
            when="NEW.state = 'expired' AND OLD.state = 'open' AND OLD.deadline > clock_timestamp()",
            message="a request expires at its deadline",
        ),
    ]
