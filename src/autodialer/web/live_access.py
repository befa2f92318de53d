"""Who watches: the browser's session, asked when a stream opens and again every few seconds."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user, get_user_model
from django.utils.translation import get_language_from_request

from autodialer.web.access import lacks_second_factor
from autodialer.web.live_topics import Viewer

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from django.contrib.sessions.backends.db import SessionStore
    from django.db.models import Model
    from django.http import HttpRequest

    from autodialer.apps.accounts.models import User


def viewer_of(request: HttpRequest) -> Viewer | None:
    """Return who is signed in with the request's cookie, under the conditions of the pages.

    None: nobody, or somebody who has to set up a second factor first.
    """
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    request.session = _store()(key)
    user: Any = get_user(request)
    if not user.is_authenticated or lacks_second_factor(user):
        return None
    return _viewer(user, get_language_from_request(request), key)


def still_there(viewers: Collection[Viewer], now: datetime) -> set[Viewer]:
    """Return those of whom nothing has changed: two queries, however many they are.

    Gone is a session that has ended or run out, and a person whose password, role, account or
    settings are not what they were: who may still watch, connects again and is asked anew.
    """
    keys = {viewer.session_key for viewer in viewers}
    sessions = _store().get_model_class().objects.filter(session_key__in=keys, expire_date__gt=now)
    alive = set(sessions.values_list("session_key", flat=True))
    ids = {viewer.user.pk for viewer in viewers}
    found = get_user_model().objects.filter(pk__in=ids, is_active=True).select_related("account")
    users = {user.pk: user for user in found}
    return {
        viewer
        for viewer in viewers
        if viewer.session_key in alive
        and viewer.user.pk in users
        and viewer == _viewer(users[viewer.user.pk], viewer.language, viewer.session_key)
    }


def _viewer(user: User, language: str, session_key: str) -> Viewer:
    return Viewer(user, language, session_key, _columns(user), _columns(user.account))


def _columns(row: Model) -> str:
    return repr([getattr(row, field.attname) for field in row._meta.concrete_fields])


def _store() -> type[SessionStore]:
    store: type[SessionStore] = import_module(settings.SESSION_ENGINE).SessionStore
    return store
