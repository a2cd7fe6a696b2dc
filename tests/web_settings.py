"""Settings of the web process that browsers visit: those of the tests, with static files as in production."""

from tests.settings import *  # noqa: F403

# Looked up once, and kept by the browser: looking at each file for each page took most of the time.
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 3600
