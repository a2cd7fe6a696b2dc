"""What the product sends with the settings of production, errors included."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection

from holo.identity.models import User
from tests.api.people import PASSWORD, build_person
from tests.bad_inputs.cases.variables import BASE
from tests.builders import build_organization
from tests.docs.documents import ROOT
from tests.logins import enrol

Answers = dict[str, dict[str, Any]]
# What each kind of answer is; a status that differs would show another page than the one that is meant.
STATUS = {
    "login": 200,
    "entered": 302,
    "page": 200,
    "language": 302,
    "api": 200,
    "docs": 200,
    "invitation": 404,
    "live": 200,
    "static": 200,
    "plain": 200,
    "host": 400,
    "host api": 400,
    "absent": 404,
    "absent api": 404,
    "method": 405,
    "large": 413,
    "malformed": 400,
    "forged": 403,
    "fault": 500,
}
HEADERS = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Reporting-Endpoints": 'csp="/csp-reports"',
}
POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "report-uri": "/csp-reports",
    "report-to": "csp",
}


def environment() -> dict[str, str]:
    """Return that of a machine in production, whose database is the one of the test."""
    url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)
    kept = {
        name: value for name, value in os.environ.items() if name not in ("DEMO", "DJANGO_SETTINGS_MODULE")
    }
    own = {"DJANGO_SETTINGS_MODULE": "holo.settings", "DATABASE_URL": url, "LOG_LEVEL": "CRITICAL"}
    # The ring with which the test sealed second factors.
    return {**kept, **BASE, **own, "SECRETS_KEYRING": os.environ["SECRETS_KEYRING"]}


@pytest.fixture(scope="module")
def answers(module_database: str) -> Answers:
    """The answers of `tests/security/production.py`, by what they are to."""
    person = build_person(organization=build_organization(), superuser=True)
    # Hashed as before Argon2, and by nothing that the tests alone accept.
    person.password = PBKDF2PasswordHasher().encode(PASSWORD, "a-salt-of-22-characters")
    person.save()
    shown = (person.email, PASSWORD, enrol(person).secret)
    command = [sys.executable, "-W", "ignore", "-m", "tests.security.production", *shown]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: Answers = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("kind", STATUS)
def test_every_answer_carries_the_headers_that_fence_in_the_browser(answers: Answers, kind: str) -> None:
    answer = answers[kind]
    assert answer["status"] == STATUS[kind]
    headers = answer["headers"]
    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert {name: policy.get(name) for name in POLICY} == POLICY
    if kind != "static":
        assert re.search(r"no-store|private, no-cache", headers["Cache-Control"])


def test_no_answer_tells_of_code_or_versions(answers: Answers) -> None:
    for kind, answer in answers.items():
        assert not {"Server", "X-Powered-By", "Via"} & set(answer["headers"]), kind
        if kind not in ("docs", "static"):
            told = re.search(
                r"Traceback|TemplateDoesNotExist|/site-packages/|Django|\bholo\.\w+\.|SELECT ", answer["body"]
            )
            assert told is None, (kind, told)


def test_no_answer_lets_another_origin_read_it(answers: Answers) -> None:
    for kind, answer in answers.items():
        # The style sheets and scripts are public, and WhiteNoise says so.
        if kind != "static":
            assert not [name for name in answer["headers"] if name.startswith("Access-Control-")], kind


def test_cookies_are_of_this_host_over_tls(answers: Answers) -> None:
    cookies = {name: one for answer in answers.values() for name, one in answer["cookies"].items()}
    mine = {"__Host-csrftoken", "__Host-language", "__Host-person", "__Host-sessionid"}
    assert set(cookies) == mine
    assert cookies["__Host-sessionid"]["httponly"] is True
    for name, cookie in cookies.items():
        assert cookie["secure"] is True, name
        assert (cookie["path"], cookie["samesite"]) == ("/", "Lax"), name
        assert "domain" not in cookie, name


def test_old_password_works_and_is_hashed_by_argon2id_at_the_login(answers: Answers) -> None:
    assert answers["entered"]["status"] == 302
    assert User.objects.get().password.startswith("argon2$argon2id$v=19$m=102400,t=2,p=8$")


def test_check_of_a_deployment_has_nothing_to_warn_about(module_database: str) -> None:
    command = [sys.executable, "-W", "ignore", "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
