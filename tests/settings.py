"""Settings of the test run: those of the project, in demo mode, with mail kept in memory."""

import os

os.environ.setdefault("SECRET_KEY", "test-only-key-that-guards-nothing")
os.environ.setdefault("DEBUG", "1")
os.environ.setdefault("DEMO", "1")
# A developer's running stack must not be touched: nothing of `.run/env` applies to tests.
os.environ.setdefault("HOLO_RUN_DIR", "/nonexistent-holo-test-run-dir")

from holo.secretstore.keyring import make_entry

# One for the run; processes that tests start inherit it.
os.environ.setdefault("SECRETS_KEYRING", make_entry("test"))
# Plain, so that tests that look for personal data in a history would find it; those of sealing set a ring.
os.environ["TEMPORAL_KEYRING"] = os.environ["TEMPORAL_KEYRING_FILE"] = ""

from holo.settings import *  # noqa: F403

EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WORKER_SANDBOX = True
# Most tests start no Valkey; those of the limits set their own.
RATES = dict.fromkeys(RATES)  # noqa: F405
LOG_LEVEL = "WARNING"
# WhiteNoise warns about a folder that is not there, and warnings are errors here.
STATIC_ROOT = BASE_DIR / "holo" / "static"  # noqa: F405
# Each client of a test loads the middleware anew, which would look at all static files: 30 ms each time.
WHITENOISE_AUTOREFRESH = True
