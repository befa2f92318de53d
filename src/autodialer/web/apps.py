"""Makes the pages' templates, tags and static files known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    """The pages."""

    name = "autodialer.web"
    label = "web"
