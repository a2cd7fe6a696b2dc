"""Settings of a process whose mail a test counts: those of the test run, with mail in a folder."""

import os

from tests.settings import *  # noqa: F403

EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = os.environ["TEST_MAIL_FOLDER"]
