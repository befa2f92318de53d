"""The do-not-call registry: numbers that are never dialled, whoever has them in a list."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from django import forms
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.contacts import queries, services
from autodialer.apps.imports.checked_rows import NothingToImportError
from autodialer.apps.imports.problems import ROW_PROBLEMS
from autodialer.apps.imports.services import import_dnd
from autodialer.web.access import may
from autodialer.web.forms import Form
from autodialer.web.pages import cut, page_number
from autodialer.web.routes import FORM, WRITE, Route
from autodialer.web.search import search_of
from autodialer.web.uploads import UploadField, status_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.http import HttpResponse

    from autodialer.apps.imports.checked_rows import RejectedRow
    from autodialer.web.access import PageRequest

PER_PAGE: Final = 50
MOST_PAGES: Final = 200
BAD_SHOWN: Final = 100


class Bad(NamedTuple):
    """A line that holds no number, as it is shown."""

    line: int
    text: str
    cause: str
    remedy: str


class ReasonForm(Form):
    """Why numbers are not to be called."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=services.REASON_LENGTH,
        help_text=gettext_lazy("For your own records, such as “asked on the phone”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class NumbersForm(ReasonForm):
    """Numbers that were typed or pasted."""

    numbers = forms.CharField(
        label=gettext_lazy("Numbers"),
        max_length=200_000,
        strip=False,
        help_text=gettext_lazy("One a line, with country code or as dialled in your country."),
        widget=forms.Textarea(attrs={"rows": 6, "autocomplete": "off", "spellcheck": "false"}),
    )


class FileForm(ReasonForm):
    """Numbers in a file; the prefix keeps its fields apart from those of the other form."""

    prefix = "file"
    file = UploadField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("CSV, TSV or XLSX with a column of numbers; 100,000 rows, 20 MB."),
    )


def dnd(request: PageRequest) -> HttpResponse:
    """Show the registry, and forbid calls to numbers that were typed."""
    form = NumbersForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _page(request, numbers=form)
    with form.refusals():
        done = services.add_dnd_lines(
            account=request.account,
            text=form.cleaned_data["numbers"],
            reason=form.cleaned_data["reason"],
            now=request.now,
            actor=request.actor,
        )
    if form.errors:
        return _page(request, numbers=form)
    _tell(request, done.added, done.known)
    if not done.rejected:
        return redirect("dnd")
    left = "\n".join(bad.raw for bad in done.rejected)
    again = NumbersForm(initial={"numbers": left, "reason": form.cleaned_data["reason"]})
    bad = [
        Bad(one.line, one.raw, one.cause, ROW_PROBLEMS[one.code].remedy) for one in done.rejected
    ]
    return _page(request, numbers=again, bad=bad)


def dnd_upload(request: PageRequest) -> HttpResponse:
    """Forbid calls to the numbers of a file."""
    form = FileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, file=form)
    bad: list[Bad] = []
    with form.refusals():
        try:
            done = import_dnd(
                account=request.account,
                data=form.cleaned_data["file"].read(),
                reason=form.cleaned_data["reason"],
                now=request.now,
                actor=request.actor,
            )
            _tell(request, done.added, done.known)
            if not done.rejected:
                return redirect("dnd")
            bad = list(_bad_rows(done.rejected))
        except NothingToImportError as error:
            bad = list(_bad_rows(error.rejected))
            raise
    return _page(request, file=form if form.errors else None, bad=bad)


def dnd_remove(request: PageRequest, entry_id: int) -> HttpResponse:
    """Ask whether a number may be called again, and allow it."""
    row = queries.dnd_row(request.account, entry_id)
    if request.method != "POST":
        return render(request, "dnd/remove.html", {"row": row})
    services.remove_dnd_numbers(
        account=request.account, numbers=[row.e164], now=request.now, actor=request.actor
    )
    messages.success(request, _("%(number)s may be called again.") % {"number": row.e164})
    return redirect("dnd")


def _page(
    request: PageRequest,
    *,
    numbers: NumbersForm | None = None,
    file: FileForm | None = None,
    bad: Iterable[Bad] = (),
) -> HttpResponse:
    numbers, file = numbers or NumbersForm(), file or FileForm()
    search = search_of(request)
    number = min(page_number(request.GET.get("page", "")), MOST_PAGES)
    rows = queries.dnd_rows(
        request.account, search=search.text, offset=(number - 1) * PER_PAGE, limit=PER_PAGE + 1
    )
    total = queries.dnd_count(request.account)
    all_bad = list(bad)
    shown = {
        "search": search,
        "page": cut(rows, number, PER_PAGE, None if search.text else total),
        "total": total,
        "numbers": numbers,
        "file": file,
        "bad": all_bad[:BAD_SHOWN],
        "more_bad": len(all_bad) - BAD_SHOWN,
        "may_add": may(request, Permission.ADD_DND),
        "may_remove": may(request, Permission.REMOVE_DND),
    }
    status = max(status_of(form) for form in (numbers, file))
    return render(
        request, "dnd/_rows.html" if request.htmx else "dnd/index.html", shown, status=status
    )


def _tell(request: PageRequest, added: int, known: int) -> None:
    new = ngettext("%d number was added.", "%d numbers were added.", added) % added
    old = ngettext("%d was there already.", "%d were there already.", known) % known
    messages.success(request, f"{new} {old}" if known else new)


def _bad_rows(rows: Iterable[RejectedRow]) -> Iterator[Bad]:
    for row in islice(rows, BAD_SHOWN + 1):
        problem = ROW_PROBLEMS[row.code]
        text = ", ".join(row.cells).encode(errors="replace").decode()[:80]
        yield Bad(row.line, text, problem.cause, problem.remedy)


_P = Permission
ROUTES: Final = (
    Route("dnd/", "dnd", dnd, _P.VIEW_DND, FORM, _P.ADD_DND),
    Route("dnd/upload/", "dnd_upload", dnd_upload, _P.ADD_DND, WRITE),
    Route("dnd/<int:entry_id>/remove/", "dnd_remove", dnd_remove, _P.REMOVE_DND, FORM),
)
