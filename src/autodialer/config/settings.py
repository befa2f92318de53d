"""Django settings, read from the environment once; a bad value fails at start."""

from __future__ import annotations

from autodialer.config.database import database_settings

# No SECRET_KEY: nothing here signs anything, and Django refuses to sign without one.
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "procrastinate.contrib.django",
    "autodialer.apps.audit",
    "autodialer.apps.accounts",
    "autodialer.apps.billing",
    "autodialer.apps.contacts",
    "autodialer.apps.imports",
    "autodialer.apps.agents",
    "autodialer.apps.campaigns",
    "autodialer.apps.calls",
]
AUTH_USER_MODEL = "accounts.User"
DATABASES = {"default": database_settings()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
