"""What became of a delivery, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django import template
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from autodialer.domain.webhooks import DisabledReason, Purpose, Trouble
from autodialer.ports.http import WORDS
from autodialer.web.templatetags.ui import icon

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from autodialer.apps.webhooks.queries import EndpointRow

register = template.Library()

PURPOSES: Final = {
    Purpose.WEBHOOK: gettext_lazy("Webhook"),
    Purpose.CALL_COMPLETED: gettext_lazy("Call completed URL"),
    Purpose.CALL_NO_ANSWER: gettext_lazy("Call no answer URL"),
    Purpose.POPUP: gettext_lazy("Popup URL"),
    Purpose.CALL_TOLD: gettext_lazy("Callback of calls"),
    Purpose.NUMBER_TOLD: gettext_lazy("Callback of numbers"),
    Purpose.CAMPAIGN_TOLD: gettext_lazy("Callback of the campaign"),
}
_TROUBLES: Final = {
    Trouble.ENDPOINT_DISABLED: gettext_lazy("Not sent: the endpoint was disabled."),
    Trouble.ENDPOINT_DELETED: gettext_lazy("Not sent: the address is not there any more."),
    Trouble.TOO_LATE: gettext_lazy("Not sent: a popup of more than a minute ago helps nobody."),
}
_OUTCOMES: Final[dict[str, str]] = {
    **{str(kind): words for kind, words in WORDS.items()},
    **{str(trouble): str(words) for trouble, words in _TROUBLES.items()},
}
_DISABLED: Final = {
    DisabledReason.BY_HAND: gettext_lazy("Disabled"),
    DisabledReason.GONE: gettext_lazy("Stopped: gone"),
    DisabledReason.FAILING: gettext_lazy("Stopped: failing"),
}


@register.filter
def outcome_words(outcome: str) -> str:
    """Return what a try came to as a sentence; "" before the first."""
    if outcome.startswith("http_"):
        return _("It answered %(status)s.") % {"status": outcome.removeprefix("http_")}
    return _OUTCOMES.get(outcome, outcome)


@register.filter
def purpose_word(purpose: Purpose) -> str:
    """Return what kind of address a delivery goes to."""
    return str(PURPOSES[purpose])


@register.simple_tag
def health_badge(row: EndpointRow) -> SafeString:
    """Return how an endpoint does as colour, icon and word."""
    if row.disabled is DisabledReason.BY_HAND:
        look = ("secondary", "player-pause", _DISABLED[row.disabled])
    elif row.disabled is not None:
        look = ("red", "alert-triangle", _DISABLED[row.disabled])
    elif row.failing_since is not None:
        look = ("orange", "alert-triangle", gettext_lazy("Failing"))
    elif row.delivered_at is not None:
        look = ("green", "check", gettext_lazy("Delivering"))
    else:
        look = ("blue", "clock", gettext_lazy("Nothing sent yet"))
    colour, shape, word = look
    return format_html('<span class="badge bg-{}-lt">{} {}</span>', colour, icon(shape), word)
