"""Inputs with many choices, each kind in one go.

Django draws an option or a checkbox with three templates; there are 600 time zones, and agents
by the hundred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template
from django.forms.utils import flatatt
from django.utils.html import format_html_join

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from django.forms import BoundField
    from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def options(groups: Iterable[tuple[str | None, Iterable[Mapping[str, Any]], int]]) -> SafeString:
    """Return the options of a select; no select here has named groups."""
    shown = (
        (each["value"], " selected" if each["selected"] else "", each["label"])
        for _, group, _ in groups
        for each in group
    )
    return format_html_join("\n", '<option value="{}"{}>{}</option>', shown)


@register.simple_tag
def choices(field: BoundField) -> SafeString:
    """Return the radio buttons or checkboxes of a field, with their labels."""
    inputs = (each.data for each in field.subwidgets)
    shown = (
        (each["type"], each["name"], each["value"], flatatt(each["attrs"]), each["label"])
        for each in inputs
    )
    return format_html_join(
        "\n",
        '<label class="form-check"><input type="{}" name="{}" value="{}"{}>'
        '<span class="form-check-label">{}</span></label>',
        shown,
    )
