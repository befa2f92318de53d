"""What the pages of sign-in have to know."""

from __future__ import annotations

from django import template
from django.conf import settings

from autodialer.web.access import lacks_second_factor

register = template.Library()


@register.simple_tag
def sends_mail() -> bool:
    """Return whether there is a mail server: without one no link can be sent."""
    return not str(settings.EMAIL_BACKEND).endswith(".dummy.EmailBackend")


@register.simple_tag(takes_context=True)
def must_add_factor(context: template.Context) -> bool:
    """Return whether nothing else is open before a second factor is set up."""
    return lacks_second_factor(context["request"].user)
