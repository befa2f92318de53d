"""Small pieces that templates share: assets, icons, times, amounts, numbers' statuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from django import template
from django.template.defaultfilters import stringfilter
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html, json_script
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from autodialer.apps.texts import isolated
from autodialer.domain.money import format_amount
from autodialer.web.assets import asset_url
from autodialer.web.words import WORDS

if TYPE_CHECKING:
    from django.forms import BoundField
    from django.utils.safestring import SafeString

register = template.Library()

# A word and an icon beside each colour: no status is told by its colour alone (WCAG 1.4.1).
STATUS_LOOKS: Final = {
    "created": ("blue", "clock"),
    "scheduled": ("blue", "clock"),
    "in-progress": ("green", "phone-call"),
    "retry": ("yellow", "rotate-clockwise"),
    "retrying": ("yellow", "phone-call"),
    "paused": ("orange", "player-pause"),
    "completed": ("teal", "check"),
    "archived": ("secondary", "archive"),
    "failed": ("red", "x"),
    "failed-dnd": ("red", "phone-off"),
    "failed-balance": ("red", "wallet-off"),
    "failed-no-attempt": ("red", "phone-off"),
    "no-answer": ("yellow", "phone-x"),
    "busy": ("orange", "phone-x"),
    "invalid": ("red", "alert-triangle"),
    # Of imports.
    "draft": ("yellow", "hand-stop"),
    "queued": ("blue", "clock"),
    "checking": ("blue", "list-check"),
    "checked": ("yellow", "hand-stop"),
    "saving": ("blue", "device-floppy"),
    "done": ("teal", "check"),
    "cancelled": ("secondary", "ban"),
    "undone": ("secondary", "ban"),
    # Of webhooks.
    "pending": ("blue", "clock"),
    "delivered": ("teal", "check"),
}
STATUS_WORDS: Final = {
    "in-progress": "In progress",
    "failed-dnd": "Failed DND",
    "failed-balance": "Failed balance",
    "failed-no-attempt": "Failed no-attempt",
    "no-answer": "No answer",
    "draft": "Not finished",
    "checked": "Waits for your yes",
}


@register.simple_tag
def asset(name: str) -> str:
    """Return the address of a bundled file."""
    return asset_url(name)


@register.simple_tag
def words(name: str) -> SafeString:
    """Return what a script says, in the reader's language, for `words.js`."""
    said = {key: str(sentence) for key, sentence in WORDS[name].items()}
    return json_script(said, f"words-{name}")


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """Return an icon of the sprite; decoration unless it has a label."""
    if label:
        href = f"{asset_url('icons.svg')}#{name}"
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}"/></svg>', label, href
        )
    return _drawing(name)


@cache  # a table draws hundreds, of the few that templates name
def _drawing(name: str) -> SafeString:
    href = f"{asset_url('icons.svg')}#{name}"
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}"/></svg>', href)


@register.filter
def status_word(status: str) -> str:
    """Return a status as people read it."""
    return STATUS_WORDS.get(status, status.replace("-", " ").capitalize())


@register.simple_tag
@cache  # of the few that there are
def status_badge(status: str) -> SafeString:
    """Return a status as colour, icon and word."""
    colour, shape = STATUS_LOOKS.get(status, ("secondary", "point"))
    return format_html(
        '<span class="badge bg-{}-lt">{} {}</span>', colour, icon(shape), status_word(status)
    )


@register.filter
def e164(number: str) -> SafeString:
    """Return a telephone number that neither wraps nor reads right to left."""
    return format_html('<bdi class="text-nowrap font-monospace">{}</bdi>', number)


@register.simple_tag
def moment(instant: datetime | None, empty: str = "-", *, seconds: bool = False) -> SafeString:
    """Return an instant by the account's clock, zone named, for machines in UTC."""
    if instant is None:
        return format_html("{}", empty)
    local = timezone.localtime(instant)
    clock = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    return format_html(
        '<time datetime="{}" class="text-nowrap">{}</time>',
        instant.astimezone(UTC).isoformat(timespec="milliseconds"),
        f"{local:%-d %b %Y}, {clock} {local:%Z}",
    )


@register.filter
def noted(value: object) -> str:
    """Return a value of the audit log for people; a dash where there was none."""
    match value:
        case None | "" | []:
            return "-"
        case bool():
            return str(_("yes") if value else _("no"))
        case list():
            return ", ".join(map(str, value))
        case _:
            return str(value)


@register.filter
def duration(seconds: float | timedelta | None) -> str:
    """Return a time span as m:ss, from an hour as h:mm:ss; a dash for none."""
    if seconds is None:
        return "-"
    whole = int(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


@register.filter
def grouped(number: int) -> str:
    """Return a count with the grouping of the reader's language: 1,00,000 in en-IN."""
    return _grouped(number, get_language())


@lru_cache(10_000)  # most of what a table shows are the same few small numbers
def _grouped(number: int, _language: str | None) -> str:
    return number_format(number, use_l10n=True, force_grouping=True)


@register.simple_tag
def amount(minor_units: int, currency: str) -> str:
    """Return money in the account's currency, grouped as the reader's language does."""
    whole, point, rest = format_amount(abs(minor_units), currency).partition(".")
    return f"{'-' if minor_units < 0 else ''}{grouped(int(whole))}{point}{rest}"


@register.simple_tag(takes_context=True)
def with_query(context: template.Context, **changes: object) -> str:
    """Return the present page's query with some parameters changed; None or "" removes one."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value not in {None, ""}:
            query[name] = str(value)
    return f"?{query.urlencode()}"


register.filter("isolated", stringfilter(isolated), is_safe=True)


@register.filter
def styled(field: BoundField) -> SafeString:
    """Return the input of a form that is not ours (sign-in) in our looks."""
    kind = "form-check-input" if field.widget_type == "checkbox" else "form-control"
    error = " is-invalid" if field.errors else ""
    described = f"{field.auto_id}_helptext {field.auto_id}_error"
    return field.as_widget(attrs={"class": kind + error, "aria-describedby": described})
