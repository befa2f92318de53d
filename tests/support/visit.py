"""Browsers in which somebody has signed in, without the pages that do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.internal.flows.login import record_authentication
from django.http import HttpRequest
from django.test import Client

if TYPE_CHECKING:
    from autodialer.apps.accounts.models import User


def signed_in(user: User, *, proved: bool = True) -> Client:
    """A browser in which this person is signed in; `proved`: with the password, a moment ago."""
    client = Client()
    client.force_login(user)
    if proved:
        request = HttpRequest()
        request.session = client.session
        record_authentication(request, user, method="password")
        request.session.save()
    return client
