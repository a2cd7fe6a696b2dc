"""Guards in the database: who decides is an auditor of the organisation, at the database's time."""

from django.db import migrations

from holo.common.guards import set_once, stamped

# By its name it is asked after the guard of 0002.
_AUDITORS = """
CREATE FUNCTION approvals_check_auditor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM approvals_approvalrequest r
                   WHERE r.id = NEW.request_id AND identity_is_auditor(NEW.actor_id, r.organization_id)) THEN
        RAISE EXCEPTION 'an auditor of the organisation must decide'
            USING ERRCODE = '23514', CONSTRAINT = 'approvals_decision_auditor';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER approvals_approvaldecision_is_auditor BEFORE INSERT ON approvals_approvaldecision
    FOR EACH ROW EXECUTE FUNCTION approvals_check_auditor();
ALTER TABLE approvals_approvaldecision ENABLE ALWAYS TRIGGER approvals_approvaldecision_is_auditor;
"""
_ANYBODY = """
DROP TRIGGER IF EXISTS approvals_approvaldecision_is_auditor ON approvals_approvaldecision;
DROP FUNCTION IF EXISTS approvals_check_auditor();
"""


class Migration(migrations.Migration):
    """Puts the guards in place."""

    dependencies = [("approvals", "0002_guards"), ("identity", "0013_facts")]

    operations = [
        migrations.RunSQL(sql=_AUDITORS, reverse_sql=_ANYBODY),
        stamped("approvals_approvaldecision"),
        set_once("approvals_approvalrequest", "closed_at", "applied_at"),
    ]
