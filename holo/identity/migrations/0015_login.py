"""An address is one person's alone once it has shown to be theirs; others may have entered it before.

Part of the rolling upgrade: processes of the version before know no `login`, so the database fills it in.
"""

from django.db import migrations, models
from django.db.models.functions import Lower

import holo.common.addresses

# Who can log in, now or again once a password is set, and whoever was entered by an administrator: only an
# organisation's system makes members with a reference.
_FILL = """
UPDATE identity_user u SET login = email
WHERE email NOT LIKE 'deleted-%@deleted.invalid' AND (
    (password NOT LIKE '!%' AND password <> '') OR is_staff OR is_superuser OR last_login IS NOT NULL
    OR NOT EXISTS (SELECT FROM identity_membership WHERE user_id = u.id AND reference <> '')
)
"""
_KEEP = """
CREATE FUNCTION identity_user_login() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.login := OLD.login;
    END IF;
    NEW.login := COALESCE(NEW.login, NEW.email);
    RETURN NEW;
END $$;
CREATE FUNCTION identity_user_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.login := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER identity_user_login_erased BEFORE UPDATE ON identity_user FOR EACH ROW
    WHEN (NEW.login IS NOT NULL AND NOT NEW.is_active AND NEW.email LIKE 'deleted-%@deleted.invalid')
    EXECUTE FUNCTION identity_user_erased();
ALTER TABLE identity_user ENABLE ALWAYS TRIGGER identity_user_login_erased;
CREATE TRIGGER identity_user_login_filled BEFORE INSERT OR UPDATE ON identity_user FOR EACH ROW
    WHEN (
        NEW.login IS NULL
        AND ((NEW.password NOT LIKE '!%' AND NEW.password <> '') OR NEW.is_staff OR NEW.is_superuser)
    )
    EXECUTE FUNCTION identity_user_login();
ALTER TABLE identity_user ENABLE ALWAYS TRIGGER identity_user_login_filled;
"""
_KEEP_NONE = """
DROP TRIGGER identity_user_login_erased ON identity_user;
DROP FUNCTION identity_user_erased();
DROP TRIGGER identity_user_login_filled ON identity_user;
DROP FUNCTION identity_user_login();
"""
# The way back needs addresses that are unique again; nobody but an administrator can say whose each is.
_REQUIRE_UNIQUE = """
DO $$
DECLARE several integer;
BEGIN
    SELECT count(*) INTO several
    FROM (SELECT FROM identity_user GROUP BY lower(email) HAVING count(*) > 1) AS shared;
    IF several > 0 THEN
        RAISE EXCEPTION 'addresses of several accounts: %; version 0.1 knows one account for each', several
            USING HINT = 'Give all but one account of each another address, or delete them by API, first.';
    END IF;
END $$;
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
        migrations.RunSQL(migrations.RunSQL.noop, _REQUIRE_UNIQUE),
    ]
