"""Settings of the pages: where they are reached, sessions, cookies, and what a browser may load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from csp.constants import NONE, SELF

from autodialer.ops import env
from autodialer.ops.paths import Paths, kept_secret

PUBLIC_URL: Final = env.text("AUTODIALER_PUBLIC_URL", default="http://127.0.0.1:8000")


def secret_key() -> str:
    """Return what signs sessions and links; made at first start, in a file for this user alone."""
    given = env.secret("AUTODIALER_SECRET_KEY", default="")
    return given or kept_secret(Paths.from_environment().var / "secret" / "django-key")


def recordings() -> Path:
    """Return the folder that calls are recorded into; read only."""
    return Paths.from_environment().recordings


def exports() -> Path:
    """Return the folder of workbooks that workers write and people take away."""
    return Paths.from_environment().exports


def public_host() -> str:
    """Return the host of the public address. Raises SettingError when it is no http(s) address."""
    parts = urlsplit(PUBLIC_URL)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise env.SettingError("AUTODIALER_PUBLIC_URL must look like https://dialer.example.org.")
    return parts.hostname


def is_https() -> bool:
    """Return whether people reach the pages over TLS: then cookies never travel without it."""
    return PUBLIC_URL.startswith("https:")


# Nothing from elsewhere, nothing inline. Pictures in style sheets are data: addresses.
CONTENT_SECURITY_POLICY: Final[dict[str, Any]] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "media-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

# How many proxies of ours stand in front: their X-Forwarded-* headers are believed, no others'.
TRUSTED_PROXIES: Final = env.integer("AUTODIALER_TRUSTED_PROXIES", default=0, at_most=5)


@dataclass(frozen=True, slots=True)
class Mail:
    """The server that sends password resets; without one, admins set passwords by hand."""

    host: str
    port: int
    user: str
    password: str
    starttls: bool


def mail() -> Mail | None:
    """Return the mail server of AUTODIALER_SMTP_URL, None when it is not set."""
    url = env.secret("AUTODIALER_SMTP_URL", default="")
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"smtp", "smtp+starttls"} or not parts.hostname:
        raise env.SettingError(
            "AUTODIALER_SMTP_URL must look like smtp+starttls://user:password@host:587."
        )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Mail(parts.hostname, parts.port or 25, user, password, parts.scheme != "smtp")
