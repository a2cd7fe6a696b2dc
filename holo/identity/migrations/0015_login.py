"""An address is one person's alone once it has shown to be theirs; others may have entered it before.

Part of the rolling upgrade: processes of the version before know no `login`, so the database fills it in.
"""

from django.db import migrations, models
from django.db.models.functions import Lower

import holo.common.addresses

# Who can log in, now or again once a password is set.
_CAN = "(password NOT LIKE '!%' AND password <> '') OR is_staff OR is_superuser OR last_login IS NOT NULL"
_FILL = f"UPDATE identity_user SET login = email WHERE {_CAN}"
_KEEP = """
CREATE FUNCTION identity_user_login() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.login := OLD.login;
    END IF;
    NEW.login := COALESCE(NEW.login, NEW.email);
    RETURN NEW;
END $$;
CREATE TRIGGER identity_user_login_filled BEFORE INSERT OR UPDATE ON identity_user FOR EACH ROW
    WHEN (
        NEW.login IS NULL
        AND ((NEW.password NOT LIKE '!%' AND NEW.password <> '') OR NEW.is_staff OR NEW.is_superuser)
    )
    EXECUTE FUNCTION identity_user_login();
ALTER TABLE identity_user ENABLE ALWAYS TRIGGER identity_user_login_filled;
"""
_KEEP_NONE = """
DROP TRIGGER identity_user_login_filled ON identity_user;
DROP FUNCTION identity_user_login();
"""


class Migration(migrations.Migration):
    """Adds the column, fills it and makes it unique in place of `email`."""

    dependencies = [("identity", "0014_one_way")]

    operations = [
        migrations.AddField(
            "user",
            "login",
            models.EmailField(
                editable=False, max_length=254, null=True, verbose_name="address to log in with"
            ),
        ),
        migrations.RunSQL(_FILL, migrations.RunSQL.noop),
        migrations.RunSQL(_KEEP, _KEEP_NONE),
        migrations.AddConstraint(
            "user", models.UniqueConstraint(Lower("login"), name="identity_user_login_once")
        ),
        migrations.AddIndex("user", models.Index(Lower("email"), name="identity_user_email")),
        migrations.RemoveConstraint("user", "identity_user_email_once"),
        migrations.AlterField(
            "user",
            "email",
            models.EmailField(
                db_index=True,
                max_length=254,
                validators=[holo.common.addresses.validate_address],
                verbose_name="e-mail address",
            ),
        ),
    ]
