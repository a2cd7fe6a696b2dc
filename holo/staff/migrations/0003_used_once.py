"""Guards in the database: what was used to log in is not used again, and no session is ahead of time."""

from django.db import migrations

from holo.common.guards import refuse_when, set_once


class Migration(migrations.Migration):
    """Puts the guards in place."""

    dependencies = [("staff", "0002_guards")]

    operations = [
        set_once("staff_recoverycode", "used_at"),
        set_once("staff_secondfactor", "confirmed_at"),
        refuse_when(
            "staff_secondfactor",
            "code_once",
            before="UPDATE OF last_step",
            when="NEW.last_step < OLD.last_step",
            message="a one-time code is accepted once",
        ),
        refuse_when(
            "staff_staffsession",
            "not_ahead",
            before="INSERT OR UPDATE",
            when="greatest(NEW.created_at, NEW.seen_at, NEW.proved_at) > clock_timestamp()",
            message="a session is not ahead of time",
        ),
    ]
