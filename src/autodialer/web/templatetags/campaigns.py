"""What pages about campaigns share: the performance bar, reasons in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django import template
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from autodialer.domain.campaign import CampaignAction, PauseReason
from autodialer.domain.dial_whom import SourceTrouble
from autodialer.domain.outcome import Reason
from autodialer.web.performance import bar
from autodialer.web.templatetags.ui import grouped, status_word, with_query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.utils.functional import _StrPromise
    from django.utils.safestring import SafeString

    from autodialer.apps.campaigns.actions import Choice
    from autodialer.apps.campaigns.counting import TargetCounts
    from autodialer.web.performance import Part

register = template.Library()

# A pause by hand needs no reason beside the word "paused".
REASONS: Final = {
    PauseReason.LOW_BALANCE: _("The balance is too low"),
    PauseReason.NO_TARIFF: _("A number has no price"),
    PauseReason.DIAL_WHOM_FAILED: _("The Dial-Whom URL does not work"),
    PauseReason.CALLER_ID_UNVERIFIED: _("The caller id is not verified any more"),
    PauseReason.RESTORED: _("A backup was restored: calls made since are not known"),
    "exhausted": _("All numbers are done"),
    Reason.CAMPAIGN_ENDED: _("The end time has come"),
    "completed_by_user": _("Ended early"),
}

TROUBLES: Final = {
    SourceTrouble.URL_REFUSED: _("it may not be opened"),
    SourceTrouble.DNS_FAILED: _("the name of its host could not be found"),
    SourceTrouble.ADDRESS_NOT_ALLOWED: _("it is not on the public internet"),
    SourceTrouble.CONNECT_FAILED: _("it could not be reached"),
    SourceTrouble.TLS_FAILED: _("its certificate cannot be trusted"),
    SourceTrouble.TIMEOUT: _("it did not answer in time"),
    SourceTrouble.BUSY: _("it still worked on earlier requests"),
    SourceTrouble.REDIRECT_REFUSED: _("it answered with another address"),
    SourceTrouble.TOO_LARGE: _("its answer was too long"),
    SourceTrouble.BAD_ANSWER: _("its answer could not be read"),
    SourceTrouble.HTTP_STATUS: _("it answered with an error"),
    SourceTrouble.NOT_NUMBERS: _("its answer was no number"),
    SourceTrouble.NOTHING_TO_DIAL: _("none of its numbers can be dialled"),
}

_A = CampaignAction


ACTIONS: Final = {
    _A.EDIT: (_("Edit"), "pencil"),
    _A.PAUSE: (_("Pause"), "player-pause"),
    _A.RESUME: (_("Resume"), "player-play"),
    _A.COMPLETE: (_("Complete"), "check"),
    _A.ARCHIVE: (_("Archive"), "archive"),
    _A.CLONE: (_("Clone"), "copy"),
}


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of a campaign's menu; `why_not` is empty when it leads to `url`."""

    label: _StrPromise
    icon: str
    url: str
    why_not: str


@register.simple_tag
def menu_items(choices: Sequence[Choice], campaign_id: int) -> list[Item]:
    """Return the entries of a campaign's menu."""
    return [
        Item(*ACTIONS[choice.action], action_url(choice.action, campaign_id), choice.why_not)
        for choice in choices
    ]


@register.simple_tag
def action_url(action: CampaignAction, campaign_id: int) -> str:
    """Return where an entry of the menu leads."""
    return reverse(f"campaign_{action}", args=[campaign_id])


@register.filter
def campaign_reason(reason: str) -> str:
    """Return in words why a campaign is paused or completed; "" where the status says it all."""
    return str(REASONS.get(reason, ""))


@register.filter
def source_trouble(trouble: str) -> str:
    """Return in words what was wrong with the last answer of a Dial-Whom URL."""
    return str(TROUBLES[SourceTrouble(trouble)])


@register.inclusion_tag("campaigns/_performance.html")
def performance_bar(campaign_id: int, counts: TargetCounts | None) -> dict[str, Any]:
    """Show the counts as a bar; None is loaded by itself a moment later."""
    return {
        "campaign_id": campaign_id,
        "is_known": counts is not None,
        "parts": bar(counts) if counts else [],
    }


@register.simple_tag
def sub_counts(part: Part) -> SafeString:
    """Return what a part of the bar is made of, in one go: a page has two hundred of them."""
    shown = ((status_word(status), grouped(count)) for status, count in part.counts)
    return format_html_join("", '<div><dt>{}</dt><dd class="tabular">{}</dd></div>', shown)


@register.inclusion_tag("campaigns/_heading.html", takes_context=True)
def sort_heading(
    context: template.Context, label: str, first: str, second: str
) -> dict[str, object]:
    """Show the heading of a column that sorts: by `first`, by `second` when it does already."""
    order = context["wanted"].order
    other = second if order == first else first
    directions = {False: "ascending", True: "descending"}
    return {
        "label": label,
        "url": with_query(context, sort=other, page=None),
        "direction": directions[order.startswith("-")] if order in {first, second} else "",
    }
