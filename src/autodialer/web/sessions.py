"""Django's sessions in the database, read by a plain statement: each request begins with it."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends import db
from django.utils import timezone

from autodialer.apps.accounts.queries import session_data


class SessionStore(db.SessionStore):
    """A browser session; all but its reading is Django's."""

    def load(self) -> dict[str, Any]:
        """Return what is kept; nothing, under a key to come, when it has ended or run out."""
        now = timezone.now()  # noqa: TID251 - as Django reads it: a session is given no time
        kept = session_data(self.session_key or "", now)
        if kept is None:
            self._session_key = None
            return {}
        decoded: dict[str, Any] = self.decode(kept)
        return decoded
