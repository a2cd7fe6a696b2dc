"""What nobody catches goes through the log, which leaves out what must stay secret."""

import os
import subprocess
import sys

import pytest

from tests.stack.conftest import ROOT

CARD, SECRET = "4242 4242 4242 4242", "sk_live_0123456789abcdef"
# In a process of its own: a test runner has hooks of its own.
PROGRAM = f"""
import threading, warnings
import django
django.setup()
TEXT = "{CARD} with {SECRET}"

def fail():
    raise ValueError(TEXT)

class Finalised:
    def __del__(self):
        fail()

thread = threading.Thread(target=fail, name="refresh")
thread.start()
thread.join()
Finalised()
warnings.warn(TEXT)
"""


@pytest.mark.pure
@pytest.mark.parametrize("form", ["json", "text"])
def test_errors_of_threads_and_finalisers_and_warnings_are_redacted(form: str) -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "LOG_FORMAT": form}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "the thread refresh has failed" in done.stderr
    assert "exception ignored in" in done.stderr.lower()
    assert done.stderr.count("[card number] with sk_[redacted]") == 3
    assert CARD not in done.stderr
    assert SECRET not in done.stderr
