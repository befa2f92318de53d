"""Django settings, read from the environment once; a bad value fails at start."""

from __future__ import annotations

from datetime import timedelta

from autodialer.config import pages
from autodialer.config.database import database_settings
from autodialer.ops import env
from autodialer.ops.outbound import outbound_rules

DEBUG = False
SECRET_KEY = pages.secret_key()
ALLOWED_HOSTS = ["127.0.0.1", "localhost", pages.public_host()]
CSRF_TRUSTED_ORIGINS = [pages.PUBLIC_URL.rstrip("/")]
ROOT_URLCONF = "autodialer.config.urls"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "autodialer.api",
    "autodialer.web",  # before allauth, whose templates it replaces
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_htmx",
    "csp",
    "procrastinate.contrib.django",
    "autodialer.apps.audit",
    "autodialer.apps.accounts",
    "autodialer.apps.billing",
    "autodialer.apps.contacts",
    "autodialer.apps.imports",
    "autodialer.apps.agents",
    "autodialer.apps.campaigns",
    "autodialer.apps.calls",
    "autodialer.apps.exports",
    "autodialer.apps.webhooks",
    "autodialer.apps.keys",
]
MIDDLEWARE = [
    "autodialer.web.middleware.Stamp",
    "django.middleware.security.SecurityMiddleware",
    "autodialer.api.door.Door",  # what is the API's goes no further
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "autodialer.web.middleware.Compression",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "autodialer.web.middleware.Activity",
    "django_htmx.middleware.HtmxMiddleware",
    "autodialer.web.middleware.Private",
    "autodialer.web.middleware.Person",
    "autodialer.web.middleware.SecondFactor",
    "autodialer.web.middleware.Confirmation",
    "autodialer.web.uploads.BodyLimit",
    "autodialer.web.middleware.ErrorPages",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "autodialer.web.navigation.navigation",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"  # inputs are drawn by our templates
DATABASES = {"default": database_settings()}
# Counts of failed sign-ins are shared by all web processes and survive a restart.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "web_cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},  # beyond it, counts would be thrown away
    }
}
# Calls are recorded here by the telephony server; pages only read.
RECORDINGS = pages.recordings()
# Where addresses that users give may lead.
OUTBOUND = outbound_rules()
PUBLIC_URL = pages.PUBLIC_URL
# Workers write workbooks here; pages hand them out.
EXPORTS = pages.exports()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["autodialer.web.adapter.SignIn"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "autodialer.web.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # an admin vouches for the addresses
ACCOUNT_CHANGE_EMAIL = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # the other sessions end
# A whole floor signs in from one address; one person at one address gets five tries in 5 minutes.
ACCOUNT_RATE_LIMITS = {"login": "300/m/ip", "login_failed": "30/m/ip,5/5m/key"}
# How long a proof of who one is counts for what the table of permissions wants confirmed.
ACCOUNT_REAUTHENTICATION_TIMEOUT = int(timedelta(minutes=10).total_seconds())
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if pages.is_https() else "http"
USERSESSIONS_TRACK_ACTIVITY = True
USERSESSIONS_ADAPTER = "autodialer.web.adapter.SessionsAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Autodialer"
MFA_TOTP_TOLERANCE = 1  # half minutes by which a telephone's clock may be wrong
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not pages.is_https()

SESSION_ENGINE = "autodialer.web.sessions"
SESSION_COOKIE_AGE = int(timedelta(days=14).total_seconds())
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = pages.is_https()
CSRF_COOKIE_SECURE = pages.is_https()
CSRF_COOKIE_HTTPONLY = True  # pages carry the token themselves
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds()) if pages.is_https() else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if pages.TRUSTED_PROXIES else None
ALLAUTH_TRUSTED_PROXY_COUNT = pages.TRUSTED_PROXIES
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = pages.CONTENT_SECURITY_POLICY

API_REQUESTS_PER_MINUTE = env.integer(
    "AUTODIALER_API_REQUESTS_PER_MINUTE", default=200, at_most=1_000_000
)

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
# What tools/assets.mjs made has its hash in its name.
WHITENOISE_IMMUTABLE_FILE_TEST = r"\.[0-9a-f]{8}\.(js|css|svg)$"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("en-in", "English (India)")]
FORMAT_MODULE_PATH = ["autodialer.web.formats"]
USE_THOUSAND_SEPARATOR = False  # templates group what people read as a count

_MAIL = pages.mail()
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if _MAIL else 'dummy'}.EmailBackend"
if _MAIL:
    EMAIL_HOST, EMAIL_PORT, EMAIL_USE_TLS = _MAIL.host, _MAIL.port, _MAIL.starttls
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL.user, _MAIL.password
DEFAULT_FROM_EMAIL = f"autodialer@{pages.public_host()}"
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
DATA_UPLOAD_MAX_MEMORY_SIZE = 21 * 1024 * 1024  # the largest list is 20 MB
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000
LOGGING_CONFIG = None  # the web process sets structlog up itself
