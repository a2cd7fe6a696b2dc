"""What holds of the keys that make a command happen once."""

from django.utils.translation import gettext_lazy as _

from holo.common.verify import Rule, register

register(
    Rule(
        id="I26",
        statement=_("A key is there once, with its one answer: none is in progress, none keeps a 5xx."),
        sql="""
SELECT 'key ' || scope || ' ' || key || ': ' || count(*) || ' rows'
FROM idempotency_idempotencylog GROUP BY scope, key HAVING count(*) > 1
UNION ALL
SELECT 'key ' || scope || ' ' || key || ': no answer, or one of a failure'
FROM idempotency_idempotencylog
WHERE CASE WHEN scope = 'step' THEN result IS NULL OR expires_at IS NOT NULL
           ELSE status IS NULL OR body IS NULL OR fingerprint = '' OR expires_at IS NULL
                OR status NOT BETWEEN 200 AND 499 END
""",
    )
)
