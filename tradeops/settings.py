"""Every setting of TradeOps, read once from the environment. `.env.example` explains each for operators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from apps.broker.config import BrokerConfig
from apps.broker.domain.restart_window import Region, RestartCalendar, RestartWindow
from apps.broker.domain.weekly_login import FORMAT as WEEKLY_LOGIN_FORMAT
from apps.broker.domain.weekly_login import WeeklyLogin
from tradeops.lib.environment import Environment, database_from_dsn
from tradeops.log_settings import log_settings
from tradeops.processes.postgres import EmbeddedPostgres
from tradeops.secret_key import check_fernet_keys, load_or_create_fernet_key, load_or_create_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment(BASE_DIR)

# Where the platform keeps what it writes: database, logs, secrets.
VAR_DIR = env.path("TRADEOPS_VAR", BASE_DIR / "var")

DEBUG = env.boolean("DEBUG", False)
SECRET_KEY = env.text("SECRET_KEY") or load_or_create_secret_key(VAR_DIR)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS")
HTTPS = env.boolean("HTTPS", False)

BROKER = BrokerConfig(
    host=env.text("IBKR_HOST", "127.0.0.1"),
    port=env.integer("IBKR_PORT", 7497, low=1, high=65535),
    client_id=env.integer("IBKR_CLIENT_ID", 1, low=0, high=998),
    account=env.text("IBKR_ACCOUNT").upper(),
    paper_trading=env.boolean("PAPER_TRADING", True),
    restarts=RestartCalendar.of(
        Region(env.choice("IBKR_REGION", Region.AMERICA, Region)),
        RestartWindow(
            env.clock_time("IBKR_RESTART_STARTS_AT", "23:45"), env.clock_time("IBKR_RESTART_ENDS_AT", "00:15")
        ),
    ),
    market_data_lines=env.integer("IBKR_MARKET_DATA_LINES", 100, low=1, high=10_000),
    simulated=env.boolean("IBKR_SIMULATED", False),
    halt_flag=VAR_DIR / "HALT",
    weekly_login=env.parsed("IBKR_WEEKLY_LOGIN", WeeklyLogin.parse, WEEKLY_LOGIN_FORMAT),
)
# How long a loosened limit waits where nobody else could approve it.
RISK_COOL_OFF_HOURS = env.integer("RISK_COOL_OFF_HOURS", 24, low=1, high=720)
# How long an order waits for a person, and an approved one for being sent.
RISK_APPROVAL_MINUTES = env.integer("RISK_APPROVAL_MINUTES", 10, low=1, high=1440)
# Orders of strategies within all limits go without a person: on paper all, live those of the named strategies.
RISK_AUTO_APPROVE_PAPER = env.boolean("RISK_AUTO_APPROVE_PAPER", True)
RISK_AUTO_APPROVE_LIVE = frozenset(env.list("RISK_AUTO_APPROVE_LIVE"))
# Resuming after a stop: the wait where nobody else could confirm it, and whether one person is enough on paper.
RISK_COOL_OFF_MINUTES = env.integer("RISK_COOL_OFF_MINUTES", 15, low=0, high=1440)
RISK_ONE_PERSON_RESUMES_PAPER = env.boolean("RISK_ONE_PERSON_RESUMES_PAPER", True)
# A circuit breaker opens after so many failures in a row, and lets one probe through after so many seconds.
BREAKER_FAILURES = env.integer("BREAKER_FAILURES", 5, low=1, high=10_000)
BREAKER_SECONDS = env.integer("BREAKER_SECONDS", 60, low=1, high=3600)
SIMULATOR_CONTROL_PORT = env.integer("SIMULATOR_CONTROL_PORT", 7597, low=1, high=65535)

# HEALTH_PORT: the name that the momentum scheduler knew; pages and health share one port here.
WEB_PORT_KEY, _ = env.first_text(["WEB_PORT", "HEALTH_PORT"])
WEB_PORT = env.integer(WEB_PORT_KEY or "WEB_PORT", 8000, low=1, high=65535)
WEB_HOST = env.text("WEB_HOST", "127.0.0.1")
# Where people reach the pages: the beginning of every link in a notice.
PUBLIC_URL = env.text("PUBLIC_URL", f"http://{WEB_HOST}:{WEB_PORT}").rstrip("/")

INSTALLED_APPS = [
    "tradeops.apps.TradeOpsAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_q",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "tradeops.apps.TradeOpsConfig",
    "apps.journal",
    "apps.jobs",
    "apps.broker",
    "apps.snapshots",
    "apps.risk",
    "apps.strategies",
    "apps.reports",
    "apps.console",
]

MIDDLEWARE = [
    "apps.console.reserved.ReservedConnectionMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "apps.console.middleware.DatabaseOutageMiddleware",
]

ROOT_URLCONF = "tradeops.urls"
ASGI_APPLICATION = "tradeops.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.console.context_processors.banner",
            ],
        },
    }
]

# Database: DATABASE_URL where there is one, else the embedded PostgreSQL that `manage.py up` starts.
EMBEDDED_POSTGRES = EmbeddedPostgres(VAR_DIR / "postgres")
DATABASE_KEY, DATABASE_DSN = env.first_text(["DATABASE_URL", "AUTOTRADER_DATABASE_URL"])
DATABASE_IS_EMBEDDED = not DATABASE_DSN
if DATABASE_IS_EMBEDDED:
    address = EMBEDDED_POSTGRES.address()
    # Before the first `manage.py up` nothing listens: port 1 refuses at once, and manage.py says what to do.
    DATABASE_KEY, DATABASE_DSN = (
        "embedded PostgreSQL",
        address.dsn() if address else "postgresql://127.0.0.1:1/tradeops",
    )
DATABASE_POOL_SIZE = env.integer("DATABASE_POOL_SIZE", 0, low=0, high=100)
DATABASE_CONNECT_TIMEOUT = env.integer("AUTOTRADER_PG_CONNECT_TIMEOUT_SECONDS", 3, low=1, high=60)
DATABASES: dict[str, dict[str, Any]] = {
    "default": database_from_dsn(DATABASE_KEY, DATABASE_DSN, connect_timeout=DATABASE_CONNECT_TIMEOUT)
}
if DATABASE_POOL_SIZE:
    # For web processes only: a pool does not survive the worker's forks.
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 3}
    DATABASES["default"]["CONN_MAX_AGE"] = 0
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 600
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

# django-q2 runs the jobs; TradeOps keeps its own truth about them (docs/architecture.md).
JOB_TIMEOUT_SECONDS = 240
# How often a job is tried in all, and the pause before its second attempt; the pauses double from there.
MAX_RETRIES = env.integer("MAX_RETRIES", 3, low=1, high=10)
RETRY_BASE_DELAY = env.integer("RETRY_BASE_DELAY", 60, low=1, high=3600)
Q_CLUSTER: dict[str, Any] = {
    "name": "default",
    "orm": "default",
    "broker_class": "apps.jobs.queue.JobQueue",
    "workers": env.integer("WORKER_PROCESSES", 2, low=1, high=16),
    "queue_limit": env.integer("WORKER_PROCESSES", 2, low=1, high=16),
    "bulk": 1,
    "timeout": JOB_TIMEOUT_SECONDS,
    "retry": 600,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": 0,
    "catch_up": False,
    "scheduler": False,
    # A dead or recycled worker process is replaced after this; eighths are exact in django-q2's countdowns.
    "guard_cycle": 0.125,
    "recycle": 5000,
    "label": "Job queue",
}

# Notices. The first key seals the channels' addresses, all of them open: a new key goes in front.
FERNET_KEYS = check_fernet_keys(env.list("FERNET_KEYS") or [load_or_create_fernet_key(VAR_DIR)])
SCHEDULER_WEBHOOK_URL = env.text("SCHEDULER_WEBHOOK_URL")
# GET each minute while all is well: a dead-man's switch outside hears when this machine or its network dies.
SENTINEL_PING_URL = env.text("SENTINEL_PING_URL")
NOTICES_ALLOW_PRIVATE = env.boolean("NOTICES_ALLOW_PRIVATE", False)
INCIDENT_ESCALATION_MINUTES = env.integer("INCIDENT_ESCALATION_MINUTES", 15, low=1, high=10_080)
INCIDENT_REMINDER_MINUTES = env.integer("INCIDENT_REMINDER_MINUTES", 60, low=1, high=10_080)

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
FORMAT_MODULE_PATH = "tradeops.formats"

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "desk"
LOGOUT_REDIRECT_URL = "admin:login"

CSRF_FAILURE_VIEW = "apps.console.views.csrf_failure"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "sessionid"
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "connect-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns without it
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.console.authentication.TokenAuthentication",
        "apps.console.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apps.console.permissions.ViewerPermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "apps.console.api.errors.handle_exception",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "TradeOps",
    "DESCRIPTION": "Automated trading operations at Interactive Brokers. Events as they happen: GET /api/events/stream "
    "(server-sent events; after_id or Last-Event-ID to resume).",
    "VERSION": "0.1.0",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
}

LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
LOG_DIR = env.path("LOG_DIR", VAR_DIR / "logs")
LOG_FILE = env.path("LOG_FILE", LOG_DIR / "app.log")
LOGGING = log_settings(
    folder=LOG_DIR,
    app_log=LOG_FILE,
    level=LOG_LEVEL,
    secrets=[SECRET_KEY, str(DATABASES["default"]["PASSWORD"]), *FERNET_KEYS, SCHEDULER_WEBHOOK_URL, SENTINEL_PING_URL],
)

if BROKER.client_id == 0 and not BROKER.paper_trading:
    raise ImproperlyConfigured(
        "IBKR_CLIENT_ID=0 binds manual TWS orders: it is refused for live trading. Choose 1 to 998."
    )
