"""Settings of the project, read from the environment, `.env` and the running stack's `.run/env`.

Every variable is in `.env.example` and in docs/configuration.md; a test keeps the three in step.
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import django_stubs_ext
from django.http.request import validate_host
from django.utils.translation import gettext_lazy as _

from holo.domains import domain_apps
from holo.env_file import read_env_file
from holo.environment import Environment, faults_of_secret_keys, refuse
from holo.server_urls import broker_tls, database
from holo.stack.ports import LARGEST_OFFSET
from holo.tls_files import faults_of_tls

# Makes `ModelAdmin[Order]` and the like work at run time as they do for the type checker.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

problems: list[str] = []
env = Environment(problems)


def _read(file: Path) -> None:
    """Add what a file gives; a variable without a value counts as not given."""
    if file.is_file():
        read_env_file(file, problems)
    for name in ("DATABASE_URL", "MIGRATE_DATABASE_URL", "REDIS_URL", "SECRET_KEY", "TEMPORAL_ADDRESS"):
        if os.environ.get(name) == "":
            del os.environ[name]


# The first to give a variable wins: the environment, then `.env`, then what `manage.py up` wrote.
_read(BASE_DIR / ".env")
RUN_DIR = Path(env.name("HOLO_RUN_DIR", default=str(BASE_DIR / ".run")))
_read(RUN_DIR / "env")

PORT_OFFSET = env.int("PORT_OFFSET", default=0, low=0, high=LARGEST_OFFSET)
DEBUG = env.bool("DEBUG", default=False)
# Demo users, sandbox switches in POST /orders and the banner in the admin; never without DEBUG.
DEMO = env.bool("DEMO", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="development-only-key-that-guards-nothing" if DEBUG else "")
# Earlier ones: what they signed still counts, and they sign nothing new.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
problems += faults_of_secret_keys(SECRET_KEY, SECRET_KEY_FALLBACKS, debug=DEBUG)
if DEMO and not DEBUG:
    problems.append("DEMO=1 is refused without DEBUG=1: demo passwords are known to everybody")
# What seals secrets: `id:base64` with commas between, the first one for new ones; or a file of such lines.
KEYRING = env.keyring("SECRETS_KEYRING", default="", file=env.str("SECRETS_KEYRING_FILE", default=""))
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
if not (ALLOWED_HOSTS or DEBUG):
    problems.append("ALLOWED_HOSTS names no host, so every request would be refused; name the hosts")
if "*" in ALLOWED_HOSTS and not DEBUG:
    problems.append("ALLOWED_HOSTS=* is refused without DEBUG=1; name the hosts")
# Those of them that answer with pages of people who log in, and know their sessions; empty: all of them.
ADMIN_HOSTS = env.hosts("ADMIN_HOSTS", default=[])
if not all(host == "*" or validate_host(host.lstrip(".").lower(), ALLOWED_HOSTS) for host in ADMIN_HOSTS):
    problems.append("ADMIN_HOSTS names a host that ALLOWED_HOSTS does not have; no page is answered there")
# Own proxies before the web process; that many entries of X-Forwarded-For, from its end, are believed.
PROXY_HOPS = env.int("PROXY_HOPS", default=0, low=0, high=10)
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "holo.staff.apps.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "holo.common",
    "holo.audit",
    "holo.idempotency",
    "holo.outbox",
    "holo.deliveries",
    "holo.identity",
    "holo.secretstore",
    "holo.apiauth",
    "holo.approvals",
    "holo.staff",
    "holo.apivote",
    "holo.stack",
    "inventory",
    "ledger",
    "orders",
    "workflows",
]
MIDDLEWARE = [
    "holo.common.middleware.SecurityHeadersMiddleware",
    # Before whatever refuses a request, or the refusal is in the language of the thread's last one.
    "django.middleware.locale.LocaleMiddleware",
    "holo.common.middleware.RequestContextMiddleware",
    "holo.common.fetch_site.FetchSiteMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "holo.staff.middleware.AdminHostsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "holo.staff.middleware.StaffSessionMiddleware",
    "holo.common.strangers.AnonymousRateMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "holo.urls"
WSGI_APPLICATION = "holo.wsgi.application"
ASGI_APPLICATION = "holo.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "holo.identity.context_processors.demo_banner",
            ]
        },
    }
]

# --- PostgreSQL: the source of truth -------------------------------------------------------------
DB_LOCK_TIMEOUT_MS = env.int("DB_LOCK_TIMEOUT_MS", default=3000, low=1, high=60_000)
DB_STATEMENT_TIMEOUT_MS = env.int("DB_STATEMENT_TIMEOUT_MS", default=15000, low=1, high=600_000)
DATABASE_URL = env.database("DATABASE_URL", default="")
# The owner of the tables; only `manage.py migrate` uses it.
MIGRATE_DATABASE_URL = env.database("MIGRATE_DATABASE_URL", default="")
DATABASES = {"default": database(DATABASE_URL or f"postgres://holo_app@127.0.0.1:{15432 + PORT_OFFSET}/holo")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "identity.User"
# New ones by the first; those of the second are hashed anew at the next login.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "holo.identity.passwords.MaximumLengthValidator"},
    {"NAME": "holo.identity.passwords.CommonPasswordValidator"},
    {"NAME": "holo.identity.passwords.BreachedPasswordValidator"},
]
# Passwords of known breaches, in a file as the downloader of Have I Been Pwned writes it.
BREACHED_PASSWORDS_FILE = env.breaches("BREACHED_PASSWORDS_FILE", default="")
AUTHENTICATION_BACKENDS = ["holo.staff.backend.LimitedBackend"]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
# --- Getting into the admin: docs/staff.md -------------------------------------------------------
# Wrong passwords and codes for one e-mail address from one address, and how long the first wait then is.
LOGIN_ATTEMPTS = env.int("LOGIN_ATTEMPTS", default=5, low=2, high=100)
LOGIN_COOL_OFF = env.int("LOGIN_COOL_OFF", default=60, low=1, high=24 * 3600)
# How old the last code may be where one is asked for again.
STEP_UP_SECONDS = env.int("STEP_UP_SECONDS", default=300, low=30, high=300)
SESSION_IDLE_SECONDS = env.int("SESSION_IDLE_SECONDS", default=1800, low=120, high=1800)
SESSION_MAX_SECONDS = env.int("SESSION_MAX_SECONDS", default=12 * 3600, low=120, high=12 * 3600)

# --- Temporal ------------------------------------------------------------------------------------
TEMPORAL_ADDRESS = env.address("TEMPORAL_ADDRESS", default=f"127.0.0.1:{7233 + PORT_OFFSET}")
TEMPORAL_NAMESPACE = env.name("TEMPORAL_NAMESPACE", default="default")
_WEB = ("https", "http")
TEMPORAL_UI_URL = env.url(
    "TEMPORAL_UI_URL", default=f"http://127.0.0.1:{8233 + PORT_OFFSET}" if DEBUG else "", schemes=_WEB
)
# As Temporal's own tools name them.
TEMPORAL_TLS = env.bool("TEMPORAL_TLS", default=False)
TEMPORAL_TLS_SERVER_CA_CERT_PATH = env.file("TEMPORAL_TLS_SERVER_CA_CERT_PATH", default="")
TEMPORAL_TLS_CLIENT_CERT_PATH = env.file("TEMPORAL_TLS_CLIENT_CERT_PATH", default="")
TEMPORAL_TLS_CLIENT_KEY_PATH = env.file("TEMPORAL_TLS_CLIENT_KEY_PATH", default="")
TEMPORAL_TLS_SERVER_NAME = env.host("TEMPORAL_TLS_SERVER_NAME", default="")
problems += faults_of_tls(
    is_on=TEMPORAL_TLS,
    authority=TEMPORAL_TLS_SERVER_CA_CERT_PATH,
    certificate=TEMPORAL_TLS_CLIENT_CERT_PATH,
    key=TEMPORAL_TLS_CLIENT_KEY_PATH,
    others=(TEMPORAL_TLS_SERVER_NAME,),
)
# Path of a Temporal CLI binary that the embedded stack shall use.
TEMPORAL_CLI = env.str("TEMPORAL_CLI", default="")
# What seals payloads, in the form of SECRETS_KEYRING; empty, Temporal keeps them as plain JSON.
TEMPORAL_KEYRING = env.keyring(
    "TEMPORAL_KEYRING", default="", file=env.str("TEMPORAL_KEYRING_FILE", default="")
)
# Whether payloads that are not sealed count although there is a ring.
TEMPORAL_ACCEPT_PLAIN = env.bool("TEMPORAL_ACCEPT_PLAIN", default=False)
if not set(TEMPORAL_KEYRING.keys.values()).isdisjoint(KEYRING.keys.values()):
    problems.append("TEMPORAL_KEYRING has a key of SECRETS_KEYRING; give it keys of its own")
# The same in every process of an installation: a domain's rows, addresses and messages hang on it.
ENABLE_DOMAINS = env.list(
    "ENABLE_DOMAINS", default=["orders", "users", "hello", "pizza"] if DEBUG else ["orders", "users"]
)
# The queue of a domain by its name, where it is not the domain's own choice.
TASK_QUEUES = env.pairs("TASK_QUEUES", default={})
INSTALLED_APPS += domain_apps(ENABLE_DOMAINS)
# The sandbox catches non-deterministic workflow code; tests and lint do so too, so production may do without.
WORKER_SANDBOX = env.bool("WORKER_SANDBOX", default=DEBUG)
WORKER_THREADS = env.int("WORKER_THREADS", default=16, low=2, high=1000)
# Two partners that hang leave slots free: half of the threads are for steps that leave the process.
_MOST_CALLS = max(1, (WORKER_THREADS // 2 - 1) // 2)
OUTSIDE_CALLS = env.int("OUTSIDE_CALLS", default=_MOST_CALLS, low=1, high=_MOST_CALLS)
OUTSIDE_SECONDS = env.int("OUTSIDE_SECONDS", default=10, low=1, high=10)
STOP_SECONDS = env.int("STOP_SECONDS", default=15, low=5, high=3600)
WORKER_METRICS_PORT = env.int("WORKER_METRICS_PORT", default=9464 + PORT_OFFSET, low=1, high=65535 - 2)
RELAY_METRICS_PORT = env.int("RELAY_METRICS_PORT", default=9465 + PORT_OFFSET, low=1, high=65535)
# With a token /metrics answers everybody who sends it; without one only this machine.
METRICS_TOKEN = env.token("METRICS_TOKEN", default="")
WEB_THREADS = env.int("WEB_THREADS", default=8, low=1, high=1000)
OUTBOX_HANDLERS = [
    "workflows.runtime.outbox_handlers.handlers",
    "holo.deliveries.outbox_handlers.handlers",
]

# --- Orders --------------------------------------------------------------------------------------
ORDER_APPROVAL_THRESHOLD = env.amount("ORDER_APPROVAL_THRESHOLD", default="10000.00", currency="CNY")
_YEAR = 365 * 24 * 3600
ORDER_APPROVAL_DEADLINE = env.seconds("ORDER_APPROVAL_DEADLINE", default=24 * 3600, low=1, high=_YEAR)
ORDER_PAYMENT_DEADLINE = env.seconds("ORDER_PAYMENT_DEADLINE", default=30 * 60, low=1, high=_YEAR)
# Pieces that unpaid orders hold, so that nobody empties the shop without paying.
ORDER_BUYER_PIECES = env.int("ORDER_BUYER_PIECES", default=100, low=1, high=1_000_000)
ORDER_ADDRESS_PIECES = env.int("ORDER_ADDRESS_PIECES", default=200, low=1, high=1_000_000)
ORDER_NETWORK_PIECES = env.int("ORDER_NETWORK_PIECES", default=1000, low=1, high=1_000_000)
ORDER_PAYMENT_ATTEMPTS = env.int("ORDER_PAYMENT_ATTEMPTS", default=3, low=1, high=100)
# Where money and parcels matter, nobody gets a sandbox without naming it.
PAYMENT_GATEWAY = env.dotted(
    "PAYMENT_GATEWAY", default="orders.sandbox.gateway.SandboxGateway" if DEBUG else ""
)
CARRIER = env.dotted("CARRIER", default="orders.sandbox.carrier.SandboxCarrier" if DEBUG else "")
ALLOW_SANDBOX = env.bool("ALLOW_SANDBOX", default=False)

# --- Celery and Valkey/Redis: only work that can be derived from rows ------------------------------
REDIS_URL = env.redis("REDIS_URL", default=f"redis://127.0.0.1:{16379 + PORT_OFFSET}/0")
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_USE_SSL = broker_tls(REDIS_URL)
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 120
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    "socket_timeout": 3,
    "socket_connect_timeout": 2,
}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(RUN_DIR / "celerybeat-schedule")

# --- Mail ----------------------------------------------------------------------------------------
# On a development machine into files: a log leaves out the links that a mail is about.
_MAIL_FILES = f"filemail:///{quote(str(RUN_DIR.absolute()))}/mail"
vars().update(env.email_url("EMAIL_URL", default=_MAIL_FILES if DEBUG else "consolemail://"))
# Never taken from a request: who sends one chooses its Host header, and so where a mailed link would lead.
PUBLIC_URL = env.url("PUBLIC_URL", default=f"http://127.0.0.1:{8000 + PORT_OFFSET}", schemes=_WEB).rstrip("/")
if ADMIN_HOSTS and not validate_host(urlsplit(PUBLIC_URL).hostname or "", ADMIN_HOSTS):
    problems.append("PUBLIC_URL is not on a host of ADMIN_HOSTS; its links lead to pages of the admin")
DEFAULT_FROM_EMAIL = env.sender("DEFAULT_FROM_EMAIL", default="holo@example.com")

# --- API -----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "holo.apiauth.authentication.ApiKeyAuthentication",
        "holo.apiauth.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["holo.apiauth.permissions.DenyAll"],
    "DEFAULT_PARSER_CLASSES": ["holo.common.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "holo.common.api.schema.ProblemAutoSchema",
    "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.NamespaceVersioning",
    "DEFAULT_VERSION": "v1",
    "ALLOWED_VERSIONS": ["v1"],
    "EXCEPTION_HANDLER": "holo.common.api.problems.problem_response",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Holo API",
    "DESCRIPTION": "Orders, stock, payments and human decisions. Errors are RFC 9457 problem documents.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "REDOC_DIST": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_PATCH": False,  # what a PATCH must say is required there too
    "PATH_CONVERTER_OVERRIDES": {"id": {"type": "string", "format": "uuid"}},
    # Two models have a field `kind`.
    "ENUM_NAME_OVERRIDES": {
        "EnvironmentKind": "holo.identity.models.Environment.Kind",
        "OrderStatus": "orders.states.Status.values",
        "UserChangeAction": "holo.identity.models.UserChange.Action",
        "UserChangeStatus": "holo.identity.models.UserChange.State",
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# --- Limits of the API: what is counted together, see holo/common/throttles.py ------------------
RATES = {
    "credential": env.rate("RATE_CREDENTIAL", default="1000/10:1000"),
    "user": env.rate("RATE_USER", default="2000/10:2000"),
    "organization": env.rate("RATE_ORGANIZATION", default="5000/10:5000"),
    "address": env.rate("RATE_ADDRESS", default="100/60:100"),
    # Of one address with public tokens, so that one stranger does not use up what the shop's key may.
    "public": env.rate("RATE_PUBLIC", default="600/60:600"),
    # Of one person, or of an organisation's tokens together: secrets shown, keys and tokens made or replaced.
    "sensitive": env.rate("RATE_SENSITIVE", default="60/60:100"),
}

# --- Language, time, static files ----------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "holo" / "locale"]
TIME_ZONE = "UTC"
STATIC_URL = "static/"
STATIC_ROOT = RUN_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "holo" / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

# --- Security ------------------------------------------------------------------------------------
SESSION_COOKIE_AGE = SESSION_MAX_SECONDS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "holo.staff.stale_forms.stale_form"
if not DEBUG:
    # A browser takes these over TLS, for `/` and from this host alone; no sibling host can plant one.
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
    LANGUAGE_COOKIE_NAME = "__Host-language"
SECURE_HSTS_SECONDS = 0 if DEBUG else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SILENCED_SYSTEM_CHECKS = [
    "security.W008",  # redirects to TLS are the proxy's: health checks and metrics ask this process without
    "security.W021",  # preloading is for the owner of the domain to decide, and hard to take back
    "auth.W004",  # people log in with `User.login`, which is unique; `email` may be that of several accounts
]

# --- Logs ----------------------------------------------------------------------------------------
LOG_FORMAT = env.choice("LOG_FORMAT", default="text" if DEBUG else "json", choices=("json", "text"))
LOG_LEVEL = env.choice("LOG_LEVEL", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
# The last variable has been read; whatever was wrong is told here, all of it.
refuse(problems)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "context": {"()": "holo.common.logs.ContextFilter"},
        "refusal": {"()": "holo.common.logs.RefusalFilter"},
    },
    "formatters": {
        "text": {"()": "holo.common.logs.TextFormatter"},
        "json": {"()": "holo.common.logs.JsonFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["context", "refusal"],
        }
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # Django's own handlers would write each line a second time.
        "django": {"handlers": [], "level": LOG_LEVEL},
        "django.server": {"handlers": ["console"], "level": LOG_LEVEL, "propagate": False},
        # Refusals are in the line of `holo.access` already.
        "django.request": {"level": "ERROR"},
    },
}
