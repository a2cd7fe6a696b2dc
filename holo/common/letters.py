"""Letters by mail: plain text, with a subject that is one line whatever the names in it are."""

from django.core.mail import EmailMessage


def send_letter(*, subject: str, message: str, to: str) -> int:
    """Send one letter; return how many were sent.

    Names may hold line breaks, which a header must not: Django would send nothing. Raises SMTPException,
    OSError.
    """
    return EmailMessage(subject=" ".join(subject.split()), body=message, to=[to]).send()
