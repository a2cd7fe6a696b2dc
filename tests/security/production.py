"""Asks the web process for answers of each kind, with the settings of production, and prints what it says.

A process of its own: settings are read once. Its environment is `tests.bad_inputs.cases.variables.BASE`.
"""

import json
import sys
import time
from typing import Any

import django


def main() -> None:
    """Print each answer as JSON: where, status, headers, cookies with their attributes, body."""
    django.setup()
    from django.contrib import admin
    from django.test import Client

    from holo.staff.codes import code_at

    email, password, secret = sys.argv[1:]
    client = Client(raise_request_exception=False, headers={"Host": "localhost"})
    wanted = {"username": email, "password": password, "next": "/admin/"}
    answers: dict[str, Any] = {
        "login": client.get("/admin/login/", secure=True),
        "password": client.post("/admin/login/", wanted, secure=True),
        "entered": client.post("/admin/login/code/", {"code": code_at(secret, time.time())}, secure=True),
        "page": client.get("/admin/", secure=True),
        "language": client.post("/i18n/setlang/", {"language": "en"}, secure=True),
        "api": client.get("/api/v1/orders", secure=True),
        "docs": client.get("/api/docs", secure=True),
        "invitation": client.get("/invitations/none", secure=True),
        "live": client.get("/healthz/live", secure=True),
        "static": client.get("/static/admin/css/base.css", secure=True),
        "plain": client.get("/healthz/live"),
        "host": client.get("/admin/", secure=True, headers={"Host": "evil.example"}),
        "host api": client.get("/api/v1/orders", secure=True, headers={"Host": "evil.example"}),
        "absent": client.get("/nothing", secure=True),
        "absent api": client.get("/api/nothing", secure=True),
        "method": client.post("/healthz/live", secure=True),
        "large": client.post("/api/v1/orders", b"x" * 2_000_000, "application/json", secure=True),
        "malformed": client.post("/api/v1/orders", b"{", "application/json", secure=True),
        "forged": Client(enforce_csrf_checks=True, headers={"Host": "localhost"}).post(
            "/admin/login/", secure=True
        ),
    }
    admin.site.index_template = "a_template_that_is_not_there.html"
    answers["fault"] = client.get("/admin/", secure=True)
    print(json.dumps({name: _told(answer) for name, answer in answers.items()}))


def _told(answer: Any) -> dict[str, Any]:
    return {
        "status": answer.status_code,
        "headers": dict(answer.headers),
        "cookies": {
            name: {key: value for key, value in morsel.items() if value}
            for name, morsel in answer.cookies.items()
        },
        "body": answer.getvalue().decode(errors="replace") if answer.streaming else answer.content.decode(),
    }


if __name__ == "__main__":
    main()
