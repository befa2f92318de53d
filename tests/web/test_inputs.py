"""Selects and choices as our templates draw them: as Django's own, and literal."""

from __future__ import annotations

from typing import Final

from django import forms
from django.forms.renderers import DjangoTemplates
from django.template.loader import render_to_string
from django.test import SimpleTestCase

from autodialer.web.forms import Form

NAMES: Final = [("1", "Asha"), ("2", '<b onclick="x">Bina</b>'), ("", "Choose"), ("4", "D & E")]


class Plan(Form):
    one = forms.ChoiceField(choices=NAMES)
    some = forms.MultipleChoiceField(choices=NAMES, widget=forms.CheckboxSelectMultiple)


def drawn_by_django(form: Form, field: str) -> str:
    bound = form[field]
    drawn: str = bound.field.widget.render(
        bound.html_name, bound.value(), bound.build_widget_attrs({"id": bound.auto_id}),
        renderer=DjangoTemplates(),
    )  # fmt: skip
    return drawn


def test_a_select_is_drawn_as_django_draws_it() -> None:
    form = Plan({"one": "2"})
    SimpleTestCase().assertHTMLEqual(str(form["one"]), drawn_by_django(form, "one"))
    assert "&lt;b onclick" in str(form["one"])
    assert str(form["one"]).count(" selected") == 1


def test_checkboxes_are_those_that_django_draws_with_their_labels_beside() -> None:
    form = Plan({"one": "1", "some": ["2", "4"]})
    drawn = render_to_string("_choices.html", {"field": form["some"]})
    assert "&lt;b onclick" in drawn
    assert drawn.count(" checked") == 2
    for choice in form["some"].subwidgets:
        SimpleTestCase().assertInHTML(choice.tag(), drawn)
