"""Each replaced key's successors name the first of them, so that all of a rotation count as one caller."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds the column and fills it for the rotations that there are."""

    dependencies = [("apiauth", "0006_public_tokens_and_codes")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="first",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="apiauth.apikey",
                verbose_name="first of its rotations",
            ),
        ),
        migrations.RunSQL(
            sql="""
WITH RECURSIVE rotation AS (
    SELECT k.id AS first_id, k.replaced_by_id AS next_id FROM apiauth_apikey k
    WHERE NOT EXISTS (SELECT FROM apiauth_apikey earlier WHERE earlier.replaced_by_id = k.id)
    UNION ALL
    SELECT r.first_id, k.replaced_by_id FROM rotation r JOIN apiauth_apikey k ON k.id = r.next_id
)
UPDATE apiauth_apikey k SET first_id = r.first_id FROM rotation r WHERE k.id = r.next_id
""",
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
