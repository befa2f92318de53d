"""Lists of contacts: what is in them, who made them, and how they leave the house."""

from __future__ import annotations

import re
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Final

from django import forms
from django.contrib import messages
from django.http import FileResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from autodialer.apps import sheets
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.contacts import queries, services
from autodialer.apps.contacts.export import export_list, for_workbook
from autodialer.apps.exports.queries import MOST_AT_ONCE
from autodialer.apps.sending import XLSX, disposition
from autodialer.apps.texts import isolated
from autodialer.domain.errors import InvalidInputError, NotFoundError
from autodialer.domain.exports import Takeaway
from autodialer.web.access import may
from autodialer.web.back import go
from autodialer.web.forms import Form
from autodialer.web.pages import cut, page_number
from autodialer.web.routes import FORM, ONCE, WRITE, Route
from autodialer.web.search import search_of
from autodialer.web.views.exports import file_stem, preparing

if TYPE_CHECKING:
    from django.http import HttpResponse, HttpResponseBase

    from autodialer.web.access import PageRequest

PER_PAGE: Final = 50


class NameForm(Form):
    """The name of a list."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )


def lists(request: PageRequest) -> HttpResponse:
    """Show the lists, newest first."""
    search, number = search_of(request), page_number(request.GET.get("page", ""))
    rows = queries.list_rows(
        request.account,
        request.actor,
        search=search.text,
        offset=(number - 1) * PER_PAGE,
        limit=PER_PAGE + 1,
    )
    shown = {"search": search, "page": cut(rows, number, PER_PAGE)}
    return render(request, "lists/_rows.html" if request.htmx else "lists/index.html", shown)


def list_new(request: PageRequest) -> HttpResponse:
    """Make an empty list."""
    form = NameForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with form.refusals():
            made = services.create_list(
                account=request.account,
                name=form.cleaned_data["name"],
                now=request.now,
                actor=request.actor,
            )
            return go(request, reverse("list", args=[made.pk]))
    return render(request, "lists/new.html", {"form": form}, status=422 if form.errors else 200)


def list_(request: PageRequest, list_id: int) -> HttpResponse:
    """Show the contacts of a list in its order."""
    search, number = search_of(request), page_number(request.GET.get("page", ""))
    row = queries.list_row(request.account, request.actor, list_id)
    members = queries.member_page(
        request.account,
        request.actor,
        list_id,
        search=search.text,
        offset=(number - 1) * PER_PAGE,
        limit=PER_PAGE + 1,
    )
    shown = {
        "row": row,
        "search": search,
        "page": cut(members, number, PER_PAGE, None if search.text else row.contacts),
        "may_export": may(request, Permission.EXPORT_CONTACTS),
    }
    return render(request, "lists/_members.html" if request.htmx else "lists/list.html", shown)


def list_rename(request: PageRequest, list_id: int) -> HttpResponse:
    """Give a list another name."""
    row = queries.list_row(request.account, request.actor, list_id, Permission.EDIT_LIST)
    form = NameForm(request.POST or None, initial={"name": row.name})
    if request.method == "POST" and form.is_valid():
        with form.refusals():
            services.rename_list(
                account=request.account,
                list_id=list_id,
                name=form.cleaned_data["name"],
                now=request.now,
                actor=request.actor,
            )
            return go(request, reverse("list", args=[list_id]))
    shown = {"form": form, "row": row}
    return render(request, "lists/rename.html", shown, status=422 if form.errors else 200)


def list_delete(request: PageRequest, list_id: int) -> HttpResponse:
    """Ask whether a list shall be deleted, with what stays; and delete it."""
    row = queries.list_row(request.account, request.actor, list_id, Permission.DELETE_LIST)
    if request.method != "POST":
        campaigns = queries.campaigns_of_list(request.account, list_id)
        return render(request, "lists/delete.html", {"row": row, "campaigns": campaigns})
    services.delete_list(
        account=request.account, list_id=list_id, now=request.now, actor=request.actor
    )
    messages.success(request, _("The list %(name)s was deleted.") % {"name": isolated(row.name)})
    return go(request, reverse("lists"))


def list_add(request: PageRequest, list_id: int) -> HttpResponse:
    """Look for contacts that are not in a list yet, and add those that were picked."""
    row = queries.list_row(request.account, request.actor, list_id, Permission.EDIT_LIST)
    if request.method == "POST":
        return _add(request, list_id)
    search, number = search_of(request), page_number(request.GET.get("page", ""))
    found = queries.contact_page(
        request.account,
        request.actor,
        search=search.text,
        outside_list=list_id,
        offset=(number - 1) * PER_PAGE,
        limit=PER_PAGE + 1,
    )
    shown = {"row": row, "search": search, "page": cut(found, number, PER_PAGE)}
    return render(request, "lists/_candidates.html" if request.htmx else "lists/add.html", shown)


def _add(request: PageRequest, list_id: int) -> HttpResponse:
    added = services.add_to_list(
        account=request.account,
        list_id=list_id,
        contact_ids=picked(request),
        now=request.now,
        actor=request.actor,
    )
    sentence = ngettext("%d contact was added.", "%d contacts were added.", added)
    messages.success(request, sentence % added)
    return go(request, reverse("list", args=[list_id]))


def list_remove(request: PageRequest, list_id: int) -> HttpResponse:
    """Take the contacts that were picked out of a list."""
    queries.list_row(request.account, request.actor, list_id, Permission.EDIT_LIST)
    removed = services.remove_from_list(
        account=request.account,
        list_id=list_id,
        contact_ids=picked(request),
        now=request.now,
        actor=request.actor,
    )
    sentence = ngettext(
        "%d contact was taken out of the list; it stays in the address book.",
        "%d contacts were taken out of the list; they stay in the address book.",
        removed,
    )
    messages.success(request, sentence % removed)
    return go(request, reverse("list", args=[list_id]))


def list_export(request: PageRequest, list_id: int, form: str) -> HttpResponseBase:
    """Hand out a list as CSV or as an Excel workbook that can be imported again."""
    if form not in {"csv", "xlsx"}:
        raise NotFoundError(_("A list can be had as csv or xlsx."))
    row = queries.list_row(request.account, request.actor, list_id, Permission.EXPORT_CONTACTS)
    if form == "xlsx" and row.contacts > MOST_AT_ONCE:
        return redirect("list_export_prepare", list_id)
    section = export_list(request.account, request.actor, list_id, request.now)
    name = f"{file_stem(row.name)}.{form}"
    if form == "csv":
        answer = StreamingHttpResponse(sheets.csv_lines(section), content_type="text/csv")
        answer["Content-Disposition"] = disposition(name)
        return answer
    book = TemporaryFile()  # noqa: SIM115  the response closes it
    sheets.write_workbook([for_workbook(section)], book)
    book.seek(0)
    return FileResponse(book, as_attachment=True, filename=name, content_type=XLSX)


def list_export_prepare(request: PageRequest, list_id: int) -> HttpResponse:
    """Say that the workbook of a long list takes a while, and let a worker write it."""
    row = queries.list_row(request.account, request.actor, list_id, Permission.EXPORT_CONTACTS)
    return preparing(request, Takeaway.LIST, list_id, row.name)


def picked(request: PageRequest) -> list[int]:
    """Return the ids of the rows that were ticked. Raises InvalidInputError when none was."""
    asked = request.POST if request.method == "POST" else request.GET
    ids = [int(one) for one in asked.getlist("contact") if re.fullmatch(r"[0-9]{1,18}", one)]
    if not ids:
        raise InvalidInputError("contact", _("Tick the contacts first."), "nothing_picked")
    return ids


_P = Permission
ROUTES: Final = (
    Route("lists/", "lists", lists, _P.VIEW_LIST),
    Route("lists/new/", "list_new", list_new, _P.CREATE_LIST, FORM),
    Route("lists/<int:list_id>/", "list", list_, _P.VIEW_LIST),
    Route("lists/<int:list_id>/rename/", "list_rename", list_rename, _P.EDIT_LIST, FORM),
    Route("lists/<int:list_id>/delete/", "list_delete", list_delete, _P.DELETE_LIST, FORM),
    Route("lists/<int:list_id>/add/", "list_add", list_add, _P.EDIT_LIST, FORM),
    Route("lists/<int:list_id>/remove/", "list_remove", list_remove, _P.EDIT_LIST, WRITE),
    Route(
        "lists/<int:list_id>/export.<str:form>",
        "list_export",
        list_export,
        _P.EXPORT_CONTACTS,
        ONCE,
    ),
    Route(
        "lists/<int:list_id>/export/",
        "list_export_prepare",
        list_export_prepare,
        _P.EXPORT_CONTACTS,
        FORM,
    ),
)
