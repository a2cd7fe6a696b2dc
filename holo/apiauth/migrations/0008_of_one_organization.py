"""Keys that name each other are of one organisation."""

from django.conf import settings
from django.db import migrations, models

from holo.common.guards import same_organization

KEYS = [
    ("apiauth_apikey", "made_with_id", "apiauth_apikey"),
    ("apiauth_apikey", "replaced_by_id", "apiauth_apikey"),
    ("apiauth_apikey", "first_id", "apiauth_apikey"),
    ("apiauth_authorizationcode", "token_id", "apiauth_apikey"),
]


class Migration(migrations.Migration):

    dependencies = [
        ('apiauth', '0007_first_of_rotations'),
        ('identity', '0012_invitation_limits'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.UniqueConstraint(fields=('id', 'organization'), name='apiauth_apikey_tenant'),
        ),
        *(same_organization(*key) for key in KEYS),
    ]
