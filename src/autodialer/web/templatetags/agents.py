"""What templates need to show agents: what they do, and for how long by the server's clock."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from autodialer.apps.calls.reasons import in_words, told_to_agent
from autodialer.web.templatetags.ui import icon

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.safestring import SafeString

register = template.Library()

# State of an agent or of a live call: word, colour, icon.
LOOKS: Final = {
    "connecting": (_("Connecting"), "blue", "phone-outgoing"),
    "waiting": (_("Waiting"), "secondary", "hourglass"),
    "dialing": (_("Dialling"), "yellow", "phone-calling"),
    "talking": (_("Talking"), "green", "phone-call"),
    "ended": (_("Ended"), "secondary", "phone-off"),
}

DEVICES: Final = {"browser": _("Browser"), "phone": _("Telephone"), "sip": _("Desk phone")}


@register.filter
def device_word(kind: str) -> str:
    """Return what kind of phone somebody is called on."""
    return str(DEVICES[kind])


@register.simple_tag
def agent_state(state: str) -> SafeString:
    """Return a state as colour, icon and word."""
    word, colour, shape = LOOKS[state]
    return format_html('<span class="badge bg-{}-lt">{} {}</span>', colour, icon(shape), word)


@register.simple_tag
def since(instant: datetime) -> SafeString:
    """Return when something began; the page's script makes it how long ago, second by second."""
    local = timezone.localtime(instant)
    return format_html(
        '<time class="tabular text-nowrap" datetime="{0}" data-live-since="{0}">{1}</time>',
        instant.astimezone(UTC).isoformat(timespec="milliseconds"),
        _("since %(time)s") % {"time": f"{local:%H:%M:%S}"},
    )


register.filter(told_to_agent)


@register.filter
def reason_words(reason: str) -> str:
    """Return what a reason means; a code without words is made readable."""
    return in_words(reason).replace("_", " ")
