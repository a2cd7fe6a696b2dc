"""Guards in the database: a key that has ended stays so, and none lives longer than it was made for."""

from importlib import import_module

from django.db import migrations

from holo.common.guards import set_once, validate_same_organization

_KEYS = import_module("holo.apiauth.migrations.0008_of_one_organization").KEYS
_LIFE = """
CREATE FUNCTION apiauth_refuse_longer_life() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a key never lives longer than it was made for'
        USING ERRCODE = '23514', CONSTRAINT = 'apiauth_apikey_no_longer_life';
END $$;
CREATE TRIGGER apiauth_apikey_no_longer_life BEFORE UPDATE OF expires_at ON apiauth_apikey FOR EACH ROW
    WHEN (NEW.expires_at > OLD.expires_at) EXECUTE FUNCTION apiauth_refuse_longer_life();
ALTER TABLE apiauth_apikey ENABLE ALWAYS TRIGGER apiauth_apikey_no_longer_life;
"""
_ANY_LIFE = """
DROP TRIGGER IF EXISTS apiauth_apikey_no_longer_life ON apiauth_apikey;
DROP FUNCTION IF EXISTS apiauth_refuse_longer_life();
"""


class Migration(migrations.Migration):
    """Puts the guards in place, and looks whether the rows that are there keep the keys of 0008."""

    dependencies = [("apiauth", "0008_of_one_organization")]

    operations = [
        *(validate_same_organization(table, column) for table, column, _target in _KEYS),
        migrations.RunSQL(sql=_LIFE, reverse_sql=_ANY_LIFE),
        set_once("apiauth_apikey", "revoked_at", "replaced_by_id"),
        set_once("apiauth_authorizationcode", "organization_id", "user_id", "token_id"),
    ]
