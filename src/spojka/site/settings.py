"""Settings, all from the environment; ``docs/configuration.md`` describes each one.

The defaults make an installation that needs nothing: one SQLite file, a key file and a secret,
all in the data directory, and an embedded worker.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from spojka.site.logging import configure

PACKAGE = Path(__file__).resolve().parent.parent


def _flag(name: str, default: bool) -> bool:
    return os.environ.get(name, str(default)).strip().lower() in {"1", "true", "yes", "on"}


def _list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


DATA_DIR = Path(os.environ.get("SPOJKA_DATA", "var")).resolve()
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)

DEBUG = _flag("SPOJKA_DEBUG", False)
KEY_FILE = Path(os.environ.get("SPOJKA_KEY_FILE", str(DATA_DIR / "keys.json")))


def _secret_key() -> str:
    """Read the signing secret, or make it on the first start."""
    given = os.environ.get("SPOJKA_SECRET_KEY")
    if given:
        return given
    path = DATA_DIR / "secret.txt"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    made = secrets.token_urlsafe(48)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(made)
    return made


SECRET_KEY = _secret_key()
PUBLIC_URL = os.environ.get("SPOJKA_URL", "http://127.0.0.1:8000").rstrip("/")
_PUBLIC = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS = _list("SPOJKA_ALLOWED_HOSTS", f"{_PUBLIC.hostname},127.0.0.1,localhost,[::1]")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_htmx",
    "js_lib_bootstrap5",
    "spojka.engine",
    "spojka.companies",
    "spojka.connections",
    "spojka.archive",
    "spojka.orders",
    "spojka.documents",
    "spojka.api",
    "spojka.web",
]

MIDDLEWARE = [
    "spojka.site.tracing.TraceMiddleware",
    # What makes answers safe stands above the static files, so that those get it too.
    "spojka.web.middleware.SafeHeaders",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "spojka.web.middleware.BodyLimit",  # before the form's token is looked for in the body
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "spojka.web.middleware.SessionTimes",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "spojka.site.urls"
WSGI_APPLICATION = "spojka.site.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "spojka.web.context.page",
            ],
        },
    }
]


def _database() -> dict[str, Any]:
    """Read ``DATABASE_URL`` (``postgresql://…``); without it, one SQLite file in the data dir."""
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        return {
            "ENGINE": "spojka.database.sqlite",
            "NAME": DATA_DIR / "spojka.sqlite3",
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": (
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                ),
            },
        }
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(f"DATABASE_URL must be a postgresql:// address, not {url!r}")
    return {
        "ENGINE": "spojka.database.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "application_name": "spojka",
            # What is sent for the third time over a connection stays prepared (the ENGINE's words).
            "server_side_binding": True,
            "prepare_threshold": 2,
            "connect_timeout": 10,
            # What a frozen process has locked is free again before its work is taken over.
            "options": "-c idle_in_transaction_session_timeout=20s",
            **dict(parse_qsl(parts.query)),  # sslmode=verify-full, for example
        },
    }


DATABASES = {"default": _database()}


def _queue() -> str:
    """Read what carries the news that something is due; see ``spojka.engine.carriers``."""
    default = "procrastinate" if os.environ.get("DATABASE_URL") else "table"
    queue = os.environ.get("SPOJKA_QUEUE", default)
    if queue not in {"table", default}:
        raise ImproperlyConfigured(
            f"SPOJKA_QUEUE is {queue!r}; it must be table or, with PostgreSQL, procrastinate"
        )
    return queue


QUEUE = _queue()
if QUEUE == "procrastinate":
    INSTALLED_APPS.insert(INSTALLED_APPS.index("spojka.engine"), "procrastinate.contrib.django")
    PROCRASTINATE_AUTODISCOVER_MODULE_NAME = None
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "web:login"
LOGIN_REDIRECT_URL = "web:dashboard"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "spojka.web.views.safety.locked_out"
AXES_CLIENT_IP_CALLABLE = "spojka.web.views.safety.client_address"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

LANGUAGE_CODE = "cs"
LANGUAGES = [("cs", _("Czech")), ("sk", _("Slovak")), ("en", _("English"))]
LOCALE_PATHS = [PACKAGE / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = Path(os.environ.get("SPOJKA_STATIC", str(DATA_DIR / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "spojka.site.static.HashedStaticFilesStorage"
        )
    },
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

_SECURE = _PUBLIC.scheme == "https"
# A name that begins so is taken by browsers only over https, and from no other host.
_HOST = "__Host-" if _SECURE else ""
SESSION_ENGINE = "spojka.companies.sessions"
SESSION_COOKIE_NAME = f"{_HOST}spojka"
SESSION_COOKIE_SECURE = _SECURE
SESSION_COOKIE_SAMESITE = "Lax"
# A session ends after that long, however busy it is, and sooner where nobody uses it.
SESSION_COOKIE_AGE = int(float(os.environ.get("SPOJKA_SESSION_DAYS", "7")) * 24 * 3600)
SESSION_IDLE_SECONDS = int(float(os.environ.get("SPOJKA_SESSION_IDLE_HOURS", "8")) * 3600)
CSRF_COOKIE_NAME = f"{_HOST}csrftoken"
CSRF_COOKIE_SECURE = _SECURE
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "spojka.web.views.door.csrf_failed"
LANGUAGE_COOKIE_NAME = f"{_HOST}django_language"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_HSTS_SECONDS = 31_536_000 if _SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _SECURE
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
BEHIND_PROXY = _flag("SPOJKA_BEHIND_PROXY", False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-src": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}

DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# Networks that connections may reach besides the public internet, for example 192.168.1.0/24.
ALLOWED_NETWORKS = _list("SPOJKA_ALLOWED_NETWORKS")
WORKER_THREADS = int(os.environ.get("SPOJKA_WORKER_THREADS", "4"))
POLL_MINUTES = float(os.environ.get("SPOJKA_POLL_MINUTES", "5"))
CHANGES_MINUTES = float(os.environ.get("SPOJKA_CHANGES_MINUTES", "10"))
# How long to wait for what: drills shorten these, installations leave them as they are.
LOOK_UP_SECONDS = [float(part) for part in _list("SPOJKA_LOOK_UP_SECONDS", "5,30,300")]
SETTLE_SECONDS = float(os.environ.get("SPOJKA_SETTLE_SECONDS", "45"))
RETRY_SECONDS = float(os.environ.get("SPOJKA_RETRY_SECONDS", "10"))
LEASE_SECONDS = float(os.environ.get("SPOJKA_LEASE_SECONDS", "30"))

# Who may read /metrics; without one, only this machine.
METRICS_TOKEN = os.environ.get("SPOJKA_METRICS_TOKEN", "")

LOGGING = configure(
    os.environ.get("SPOJKA_LOG_LEVEL", "INFO"),
    os.environ.get("SPOJKA_LOG_FORMAT", "auto"),
    SECRET_KEY,
    METRICS_TOKEN,
    DATABASES["default"].get("PASSWORD", ""),
)
SILENCED_SYSTEM_CHECKS: list[str] = []
