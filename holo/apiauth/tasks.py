"""Mail about credentials, and sweeps of what they leave behind."""

from datetime import timedelta
from smtplib import SMTPException
from uuid import UUID

from celery import shared_task
from django.core.mail import send_mail
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from holo.apiauth.events import KEY_CREATED
from holo.apiauth.models import ApiKey, AuthorizationCode, UsedPublicToken
from holo.common.admin import moment_text
from holo.identity.models import User
from holo.identity.selectors import manager_addresses

# Long enough to look up who was asked for what; the audit trail keeps the decisions.
KEPT_FOR = timedelta(days=7)


@shared_task
def purge_ended_logins() -> int:
    """Delete used public tokens that have run out by themselves, and codes a week after they have."""
    tokens, _models = UsedPublicToken.objects.filter(expires_at__lt=Now()).delete()
    codes, _models = AuthorizationCode.objects.filter(expires_at__lt=Now() - KEPT_FOR).delete()
    return tokens + codes


@shared_task(autoretry_for=(SMTPException, OSError), retry_backoff=True, max_retries=5)
def mail_about_key(topic: str, key_id: str, actor_id: str | None) -> int:
    """Tell a credential's owner that it was made or revoked, and by whom; return how many mails were sent.

    What is nobody's concerns those who manage the organisation.
    """
    key = ApiKey.objects.select_related("owner", "organization").filter(pk=UUID(key_id)).first()
    if key is None:
        return 0
    if key.owner is not None:
        addresses = [key.owner.email] if key.owner.is_active else []
    else:
        addresses = manager_addresses(key.organization_id)
    subject, message = _about(topic, key, _who(actor_id))
    return sum(
        send_mail(subject=subject, message=message, from_email=None, recipient_list=[address])
        for address in addresses
    )


def _who(actor_id: str | None) -> str:
    person = User.objects.filter(pk=UUID(actor_id)).first() if actor_id else None
    return str(person) if person else _("the system")


def _about(topic: str, key: ApiKey, who: str) -> tuple[str, str]:
    told = {
        "kind": key.get_kind_display(),
        "prefix": key.prefix,
        "name": key.name or "-",
        "organization": key.organization.name,
        "scopes": ", ".join(key.scopes),
        "until": moment_text(key.expires_at),
        "who": who,
    }
    if topic == KEY_CREATED:
        return (
            _("New at %(organization)s: %(kind)s %(prefix)s") % told,
            _(
                "%(who)s made the %(kind)s %(prefix)s (%(name)s) at %(organization)s. It works"
                " until %(until)s for: %(scopes)s.\n\n"
                "If this is not right, revoke it in the admin, under API keys."
            )
            % told,
        )
    return (
        _("Revoked at %(organization)s: %(kind)s %(prefix)s") % told,
        _("%(who)s revoked the %(kind)s %(prefix)s (%(name)s) at %(organization)s. It works no more.") % told,
    )
