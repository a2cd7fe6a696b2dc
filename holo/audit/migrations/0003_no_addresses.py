"""The trail says by id which person acted; addresses leave its rows."""

from django.db import migrations, models

from holo.common.guards import rewrite_append_only

# Rows of a person have the id as well; without one a label is a program's.
_REWRITE = """
UPDATE audit_auditevent SET actor_label = coalesce('user:' || actor_id, 'unknown')
WHERE actor_id IS NOT NULL OR actor_label LIKE '%@%'
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_guards")]

    operations = [
        rewrite_append_only("audit_auditevent", _REWRITE),
        migrations.AddConstraint(
            model_name="auditevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("actor_label__contains", "@"), _negated=True), name="audit_event_names_no_address"
            ),
        ),
    ]
