"""Decisions are append-only, made by none of the contributors, and a closed request stays closed."""

from django.db import migrations

from holo.common.guards import append_only

GUARDS = """
CREATE FUNCTION approvals_check_decision() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked approvals_approvalrequest%ROWTYPE;
BEGIN
    SELECT * INTO asked FROM approvals_approvalrequest WHERE id = NEW.request_id FOR NO KEY UPDATE;
    IF NEW.actor_id = ANY (asked.contributors) THEN
        RAISE EXCEPTION 'a second person must decide'
            USING ERRCODE = '23514', CONSTRAINT = 'approvals_decision_second_person';
    END IF;
    IF asked.state <> 'open' OR asked.deadline <= clock_timestamp() THEN
        RAISE EXCEPTION 'the request is not open'
            USING ERRCODE = '23514', CONSTRAINT = 'approvals_decision_request_open';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER approvals_approvaldecision_guard BEFORE INSERT ON approvals_approvaldecision
    FOR EACH ROW EXECUTE FUNCTION approvals_check_decision();
ALTER TABLE approvals_approvaldecision ENABLE ALWAYS TRIGGER approvals_approvaldecision_guard;

CREATE FUNCTION approvals_check_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR TG_OP = 'TRUNCATE' THEN
        RAISE EXCEPTION 'approval requests are kept'
            USING ERRCODE = '23514', CONSTRAINT = 'approvals_request_kept';
    END IF;
    IF OLD.state <> 'open' AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'a closed request stays %', OLD.state
            USING ERRCODE = '23514', CONSTRAINT = 'approvals_request_ends_once';
    END IF;
    IF (NEW.organization_id, NEW.subject_type, NEW.subject_id, NEW.subject_version, NEW.subject_digest,
            NEW.reasons, NEW.contributors, NEW.deadline)
        IS DISTINCT FROM (OLD.organization_id, OLD.subject_type, OLD.subject_id, OLD.subject_version,
            OLD.subject_digest, OLD.reasons, OLD.contributors, OLD.deadline) THEN
        RAISE EXCEPTION 'what is decided about does not change'
            USING ERRCODE = '23514', CONSTRAINT = 'approvals_request_content_fixed';
    END IF;
    IF NEW.state IN ('approved', 'rejected') AND OLD.state = 'open' AND NOT EXISTS (
            SELECT 1 FROM approvals_approvaldecision d WHERE d.request_id = NEW.id
                AND d.verdict = CASE NEW.state WHEN 'approved' THEN 'approve' ELSE 'reject' END) THEN
        RAISE EXCEPTION 'a request ends as % by a decision', NEW.state
            USING ERRCODE = '23514', CONSTRAINT = 'approvals_request_needs_decision';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER approvals_approvalrequest_guard BEFORE UPDATE OR DELETE ON approvals_approvalrequest
    FOR EACH ROW EXECUTE FUNCTION approvals_check_request();
CREATE TRIGGER approvals_approvalrequest_no_truncate BEFORE TRUNCATE ON approvals_approvalrequest
    FOR EACH STATEMENT EXECUTE FUNCTION approvals_check_request();
ALTER TABLE approvals_approvalrequest ENABLE ALWAYS TRIGGER approvals_approvalrequest_guard;
ALTER TABLE approvals_approvalrequest ENABLE ALWAYS TRIGGER approvals_approvalrequest_no_truncate;
"""

UNDO = """
DROP TRIGGER approvals_approvaldecision_guard ON approvals_approvaldecision;
DROP TRIGGER approvals_approvalrequest_guard ON approvals_approvalrequest;
DROP TRIGGER approvals_approvalrequest_no_truncate ON approvals_approvalrequest;
DROP FUNCTION approvals_check_decision();
DROP FUNCTION approvals_check_request();
"""


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_initial")]

    operations = [migrations.RunSQL(GUARDS, UNDO), append_only("approvals_approvaldecision")]
