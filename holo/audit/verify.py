"""How an app says that each change of a kind has its one audit row, and each such row its change (I32)."""

from django.utils.functional import Promise

from holo.common.verify import Rule


def audited(statement: str | Promise, *, action: str, changes: str, subject: str = "subject_id") -> Rule:
    """Return the rule that audit rows of `action` and changes match one to one.

    `changes` is a query of two columns, the key of what was changed as text and how often it was; `subject`
    is the expression of an audit row that holds the same key.
    """
    return Rule(
        id="I32",
        statement=statement,
        sql=f"""
WITH change (subject, times) AS ({changes}), told AS (
    SELECT {subject} AS subject, count(*) AS times FROM audit_auditevent WHERE action = '{action}' GROUP BY 1
)
SELECT '{action} ' || coalesce(change.subject, told.subject, '(none)') || ': '
       || coalesce(change.times, 0) || ' changes, ' || coalesce(told.times, 0) || ' audit rows'
FROM change FULL JOIN told ON told.subject = change.subject
WHERE coalesce(change.times, 0) <> coalesce(told.times, 0)
""",  # noqa: S608 # of the code's own words
    )
