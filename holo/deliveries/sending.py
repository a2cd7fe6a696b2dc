"""One attempt: claim the delivery that is due, write its mail, send it, record how that ended."""

import logging
import re
from email.header import Header
from email.utils import parseaddr
from smtplib import (
    SMTPDataError,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage

from holo.common.addresses import validate_address
from holo.common.characters import without_unfit
from holo.common.context import bound
from holo.common.logs import redacted, without_addresses
from holo.deliveries.kinds import Item, Mail, find_kind
from holo.deliveries.models import Delivery
from holo.deliveries.policy import MAX_ATTEMPTS
from holo.deliveries.services import Outcome, claim_delivery, record_attempt

logger = logging.getLogger(__name__)
State = Delivery.State
_LONGEST_PROBLEM = 300
# So much of a reply is looked at; a server may send any number of lines.
_LONGEST_READ = 10_000
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def attempt_next() -> bool:
    """Make one attempt at the delivery that has been due longest; False if there was nothing to do.

    However it fails, its outcome is recorded. Where its process dies all the same, the claim has set the time
    of the next attempt, and after the last one the delivery is given up.
    """
    item = claim_delivery()
    if item is None:
        return False
    with bound(request_id=item.request_id, delivery=str(item.id), kind=item.kind):
        outcome = _attempt(item)
        record_attempt(item=item, outcome=outcome)
        if outcome.problem:
            logger.warning("attempt %d failed: %s", item.attempt, outcome.problem)
    return True


def _attempt(item: Item) -> Outcome:
    if item.attempt > MAX_ATTEMPTS:
        return Outcome(state=State.WAITING, problem="the last attempt did not come to its end")
    kind = find_kind(item.kind)
    if kind is None:
        return Outcome(state=State.WAITING, problem="no installed app sends this kind")
    try:
        mail = kind.compose(item)
    except Exception as error:
        logger.exception("the mail could not be written")
        return Outcome(state=State.WAITING, problem=f"the mail could not be written: {type(error).__name__}")
    if mail is None:
        return Outcome(state=State.WITHDRAWN)
    return send(mail, message_id=_message_id(item))


def send(mail: Mail, *, message_id: str) -> Outcome:
    """Send one mail. The server's refusal for good ends it; whatever may pass is left to another attempt."""
    try:
        validate_address(mail.to)
    except ValidationError as error:
        return Outcome(state=State.REFUSED, problem=f"not an e-mail address: {error.code}")
    message = EmailMessage(
        subject=_subject(mail.subject),
        body=mail.body,
        to=[mail.to],
        # The same in each attempt, so that a mail that comes twice can be recognised. RFC 3834 keeps
        # automatic replies away.
        headers={"Message-ID": message_id, "Auto-Submitted": "auto-generated"},
    )
    try:
        message.send()
    except Exception as error:  # noqa: BLE001 - a server's reply or a setting may be one that no library reads
        return _failure(error)
    return Outcome(state=State.DELIVERED)


def _subject(text: str) -> str:
    """Return a text as one line of a header.

    A text that looks like an encoded word (RFC 2047) is encoded again. Otherwise mail programs would decode
    it, and a name could show characters that no name may have.
    """
    line = " ".join(_UNPRINTABLE.sub(" ", text).split())
    return Header(line, "utf-8").encode(linesep="") if "=?" in line else line


def _failure(error: Exception) -> Outcome:
    """Return whether the server refused this mail for good, or another attempt may help."""
    code, reply = _reply(error)
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)
    # A refused sender or login, or a server without TLS, is the installation's own fault, which an
    # administrator can mend in time.
    final = isinstance(error, SMTPRecipientsRefused | SMTPDataError) and 500 <= code <= 599
    state = State.REFUSED if final else State.WAITING
    # smtplib gives -1 for a reply that it cannot read.
    problem = f"{code} {text}" if code > 0 else f"{type(error).__name__}: {text}"
    return Outcome(state=state, problem=_cleaned(problem))


def _reply(error: Exception) -> tuple[int, object]:
    """Return the code and the text of the server's reply; code 0 where there was none."""
    if isinstance(error, SMTPRecipientsRefused):
        ((code, reply), *_others) = error.recipients.values()
        return code, reply
    if isinstance(error, SMTPResponseException):
        return error.smtp_code, error.smtp_error
    return 0, error


def _cleaned(problem: str) -> str:
    """Return a text of the server in one line, without addresses and secrets."""
    text = without_unfit(_UNPRINTABLE.sub(" ", problem[:_LONGEST_READ]))
    return redacted(" ".join(without_addresses(text).split()))[:_LONGEST_PROBLEM]


def _message_id(item: Item) -> str:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    try:
        return f"<{item.id}@{domain.encode('idna').decode() or 'localhost'}>"
    except UnicodeError:
        return f"<{item.id}@localhost>"
