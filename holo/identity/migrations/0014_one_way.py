"""Guards in the database: invitations and changes of users go one way, and name no other person later."""

from django.db import migrations

from holo.common.guards import one_way, refuse_when

# Erasing a person is the one reason to change whom a row names.
_ERASED = "deleted-%@deleted.invalid"


class Migration(migrations.Migration):
    """Puts the guards in place."""

    dependencies = [("identity", "0013_facts")]

    operations = [
        one_way("identity_invitation", ("open", "accepted"), ("open", "revoked")),
        refuse_when(
            "identity_invitation",
            "address_stays",
            before="UPDATE OF email",
            when=f"NEW.email <> OLD.email AND NEW.email NOT LIKE '{_ERASED}'",
            message="an invitation stays whose it is",
        ),
        one_way(
            "identity_userchange", ("running", "succeeded"), ("running", "failed"), ("running", "cancelled")
        ),
        # A person who was created can be taken back; the address of one to delete is noted at the end.
        refuse_when(
            "identity_userchange",
            "person_stays",
            before="UPDATE OF user_id, email, name",
            when="(OLD.user_id IS NOT NULL AND NEW.user_id IS DISTINCT FROM OLD.user_id"
            " AND NOT (OLD.action = 'create' AND OLD.state = 'running' AND NEW.user_id IS NULL))"
            " OR (OLD.email <> '' AND NEW.email NOT IN ('', OLD.email))"
            " OR (OLD.name <> '' AND NEW.name NOT IN ('', OLD.name))",
            message="a change of a user stays about the same person",
        ),
        refuse_when(
            "identity_addresschange",
            "addresses_stay",
            before="UPDATE",
            when="NEW.before NOT IN ('', OLD.before) OR NEW.after NOT IN ('', OLD.after)",
            message="a change of an address is emptied and never rewritten",
        ),
    ]
