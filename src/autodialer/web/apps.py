"""Makes the pages' templates, tags and static files known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    """The pages."""

    name = "autodialer.web"
    label = "web"

    def ready(self) -> None:
        """Note sign-ins from now on."""
        from autodialer.web import signals  # noqa: F401  its receivers connect themselves
