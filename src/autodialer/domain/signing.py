"""Signatures as Standard Webhooks has them, with secrets that are derived, not stored.

Source: the specification at standardwebhooks.com, version 1.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

SHOWN_PREFIX: Final = "whsec_"
# What sets these secrets apart from others that are derived of the installation's key.
_PURPOSE: Final = b"autodialer webhook secret\0"


@dataclass(frozen=True, slots=True)
class Keyring:
    """Derives the secret of each salt from the installation's key.

    A copy of the database alone holds no secret: only salts, which say nothing without the key.
    """

    key: bytes

    def secret(self, salt: str) -> bytes:
        """Return the 32 bytes that sign for `salt`."""
        return hmac.digest(self.key, _PURPOSE + salt.encode(), hashlib.sha256)

    def shown(self, salt: str) -> str:
        """Return the secret as receivers are given it: `whsec_` and Base64."""
        return SHOWN_PREFIX + base64.b64encode(self.secret(salt)).decode()


def signed_headers(
    message_id: str, now: datetime, payload: bytes, secrets: Iterable[bytes]
) -> Mapping[str, str]:
    """Return the three headers of a try at `now`; each secret adds a signature, newest first."""
    timestamp = str(int(now.timestamp()))
    content = b".".join((message_id.encode(), timestamp.encode(), payload))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, content) for secret in secrets),
    }


def _signature(secret: bytes, content: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()
