"""Where PostgreSQL is: AUTODIALER_DATABASE_URL, else the embedded server of the var folder."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from autodialer.ops import env
from autodialer.ops.errors import DatabaseUnavailableError
from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres

# A connection plans a hand-written statement once and for all when it has seen it so often.
PREPARED_FROM: Final = 5


def database_settings() -> dict[str, Any]:
    """Return Django's DATABASES entry for the URL of the environment or the embedded server."""
    return parse_url(env.secret("AUTODIALER_DATABASE_URL", default="") or _embedded_url())


def parse_url(url: str) -> dict[str, Any]:
    """Return Django's settings for a libpq URL (also `postgresql:///db?host=/socket/folder`).

    Raises SettingError, naming the setting, when the URL is not of that form.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # a port that is no number, a bracket that is not closed
        raise _unusable_url() from None
    if parts.scheme not in {"postgresql", "postgres"} or len(parts.path) < 2:  # noqa: PLR2004  "/" and a name
        raise _unusable_url()
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "autodialer.config.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or query.pop("user", "")),
        "PASSWORD": unquote(parts.password or query.pop("password", "")),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": query.pop("port", str(port or "")),
        # Only what `rows` asks is ever prepared: Django's own cursors send text.
        "OPTIONS": {**query, "prepare_threshold": PREPARED_FROM},
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def _unusable_url() -> env.SettingError:
    """Say what the setting must look like; the value is not repeated: it may hold a password."""
    return env.SettingError(
        "AUTODIALER_DATABASE_URL must look like postgresql://user:password@host:port/database."
    )


def _embedded_url() -> str:
    """Return the embedded server's URL.

    Commands that need no database load the settings too, so a server that was never set up is no
    error here; connecting to the name below is.
    """
    try:
        return EmbeddedPostgres(Paths.from_environment()).url
    except DatabaseUnavailableError:
        return "postgresql:///autodialer-is-not-set-up"
