"""The address book: people with a number, and whatever else is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django import forms
from django.contrib import messages
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.contacts import queries, services
from autodialer.apps.contacts.person import EMAIL_LENGTH, NAME_LENGTH, Person
from autodialer.domain.errors import InvalidInputError
from autodialer.web.back import go
from autodialer.web.forms import Form
from autodialer.web.ids import parse_id
from autodialer.web.pages import cut, page_number
from autodialer.web.routes import FORM, Route
from autodialer.web.search import search_of
from autodialer.web.views.lists import PER_PAGE, picked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import HttpResponse

    from autodialer.web.access import PageRequest

    Pairs = Sequence[tuple[str, str]]

SPARE_ROWS: Final = 3  # of fields of one's own, for browsers without JavaScript
MOST_PAGES: Final = 200  # beyond, searching is quicker than leafing


def _text(label: object, longest: int = NAME_LENGTH, kind: str = "text") -> forms.CharField:
    widget = forms.TextInput(attrs={"type": kind, "autocomplete": "off"})
    return forms.CharField(label=label, max_length=longest, required=False, widget=widget)  # type: ignore[arg-type]  # a lazy text


class ContactForm(Form):
    """What every contact may have; fields of its own come as pairs beside the form."""

    number = forms.CharField(
        label=gettext_lazy("Telephone number"),
        max_length=64,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
        help_text=gettext_lazy("With its country code, or as dialled in the account's country."),
    )
    first_name = _text(gettext_lazy("First name"))
    last_name = _text(gettext_lazy("Last name"))
    company = _text(gettext_lazy("Company"))
    # Not checked to be an address: an import keeps whatever stands in the column.
    email = _text(gettext_lazy("E-mail address"), EMAIL_LENGTH)
    tag = _text(gettext_lazy("Tag"))

    def person(self, fields: Mapping[str, str]) -> Person:
        """Return what was typed, without the number."""
        known = {name: text for name, text in self.cleaned_data.items() if name != "number"}
        return Person(**known, fields=fields)


def contacts(request: PageRequest) -> HttpResponse:
    """Show the address book, newest first."""
    search = search_of(request)
    number = min(page_number(request.GET.get("page", "")), MOST_PAGES)
    rows = queries.contact_page(
        request.account,
        request.actor,
        search=search.text,
        offset=(number - 1) * PER_PAGE,
        limit=PER_PAGE + (number < MOST_PAGES),
    )
    shown = {
        "search": search,
        "page": cut(rows, number, PER_PAGE),
        "is_last_shown": number == MOST_PAGES,
    }
    return render(request, "contacts/_rows.html" if request.htmx else "contacts/index.html", shown)


def contact_new(request: PageRequest) -> HttpResponse:
    """Make a contact; asked for from a list, it joins that list."""
    form, pairs = ContactForm(request.POST or None), _pairs(request)
    wanted = parse_id(request.GET.get("list", ""))
    to_list = (
        None
        if wanted is None
        else queries.list_row(request.account, request.actor, wanted, Permission.EDIT_LIST)
    )
    if request.method == "POST" and form.is_valid():
        with form.refusals():
            made = services.create_contact(
                account=request.account,
                number=form.cleaned_data["number"],
                person=form.person(_fields(pairs)),
                list_id=to_list.id if to_list else None,
                now=request.now,
                actor=request.actor,
            )
            messages.success(request, _("%(number)s was saved.") % {"number": made.e164})
            return go(
                request, reverse("list", args=[to_list.id]) if to_list else reverse("contacts")
            )
    shown = {"form": form, "pairs": [*pairs, *_spare()], "to_list": to_list}
    return render(request, "contacts/new.html", shown, status=422 if form.errors else 200)


def contact(request: PageRequest, contact_id: int) -> HttpResponse:
    """Show a contact to be changed."""
    found = queries.contact(request.account, request.actor, contact_id)
    row = queries.row_of(found)
    initial = {name: getattr(row, name) for name in ContactForm.base_fields if name != "number"}
    form = ContactForm(
        request.POST or None,
        initial={"number": row.e164, **initial},
        facts=queries.contact_facts(found),
    )
    pairs = _pairs(request) if request.method == "POST" else list(row.fields.items())
    if request.method == "POST" and form.is_valid():
        with form.refusals():
            services.edit_contact(
                account=request.account,
                contact_id=contact_id,
                number=form.cleaned_data["number"],
                person=form.person(_fields(pairs)),
                seen=form.seen,
                now=request.now,
                actor=request.actor,
            )
            messages.success(request, _("The contact was saved."))
            return go(request, reverse("contact", args=[contact_id]))
    shown = {
        "row": row,
        "form": form,
        "pairs": [*pairs, *_spare()],
        "lists": queries.lists_of_contact(request.account, request.actor, contact_id),
    }
    return render(request, "contacts/contact.html", shown, status=form.status)


def contacts_delete(request: PageRequest) -> HttpResponse:
    """Ask whether contacts shall be deleted, with their lists; and delete them."""
    ids = picked(request)
    if request.method != "POST":
        queries.require_contacts(request.account, request.actor, ids)
        places = queries.places_of(request.account, ids)
        return render(request, "contacts/delete.html", {"ids": ids, "places": places})
    services.delete_contacts(
        account=request.account, contact_ids=ids, now=request.now, actor=request.actor
    )
    sentence = ngettext("%d contact was deleted.", "%d contacts were deleted.", len(ids))
    messages.success(request, sentence % len(ids))
    return go(request, reverse("contacts"))


def _pairs(request: PageRequest) -> list[tuple[str, str]]:
    """Return the rows of fields as they were typed, without those left empty."""
    names, values = request.POST.getlist("field_name"), request.POST.getlist("field_value")
    return [pair for pair in zip(names, values, strict=False) if any(map(str.strip, pair))]


def _fields(pairs: Pairs) -> dict[str, str]:
    """Return the fields by name. Raises InvalidInputError for a name that is given twice."""
    fields: dict[str, str] = {}
    for typed, value in pairs:
        name = typed.strip()
        if name in fields:
            sentence = _("There are two fields called %(name)s.") % {"name": name[:80]}
            raise InvalidInputError("fields", sentence, "field_twice")
        fields[name] = value
    return fields


def _spare() -> Pairs:
    return [("", "")] * SPARE_ROWS


_P = Permission
ROUTES: Final = (
    Route("lists/contacts/", "contacts", contacts, _P.VIEW_LIST),
    Route("lists/contacts/new/", "contact_new", contact_new, _P.CREATE_LIST, FORM),
    Route("lists/contacts/delete/", "contacts_delete", contacts_delete, _P.DELETE_LIST, FORM),
    Route("lists/contacts/<int:contact_id>/", "contact", contact, _P.VIEW_LIST, FORM, _P.EDIT_LIST),
)
