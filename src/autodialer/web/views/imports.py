"""Importing a file, step by step: choose, say what the columns are, check, confirm, result."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from autodialer.apps.accounts.permissions import Permission, require
from autodialer.apps.contacts.numbers import regions
from autodialer.apps.contacts.queries import list_row, list_rows
from autodialer.apps.contacts.staging import KNOWN_FIELDS
from autodialer.apps.imports import queries, services
from autodialer.apps.imports.columns import LEFT_OUT, NUMBER
from autodialer.apps.imports.csv_file import ENCODINGS, SEPARATORS
from autodialer.apps.imports.files import clean_file_name
from autodialer.apps.imports.table import Reading
from autodialer.apps.imports.undo import check_undoable, undo_import
from autodialer.apps.sending import disposition
from autodialer.domain.errors import ConflictError, IllegalTransitionError, InvalidInputError
from autodialer.domain.imports import ImportStatus
from autodialer.ports.screens import Shown
from autodialer.web.back import go
from autodialer.web.forms import Form
from autodialer.web.ids import parse_id
from autodialer.web.live_topics import Topic, View, Viewer, fragment, the_id_of
from autodialer.web.pages import cut, page_number
from autodialer.web.routes import FORM, WRITE, Route
from autodialer.web.uploads import UploadField, status_of
from autodialer.web.views.exports import file_stem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import QueryDict

    from autodialer.apps.imports.queries import ImportRow, Preview
    from autodialer.domain.errors import AutodialerError
    from autodialer.web.access import PageRequest

PER_PAGE: Final = 50
LISTS_OFFERED: Final = 500
KEEP: Final = "keep"
MEANINGS: Final = (NUMBER, *KNOWN_FIELDS, LEFT_OUT)
SAMPLE: Final = (
    "number,first_name,last_name,company,email,tag,city\r\n"
    "+919876543210,Asha,Rao,Acme,asha@example.com,gold,Pune\r\n"
    "+442079460000,Bina,Shah,,bina@example.com,,London\r\n"
)


class ChooseForm(Form):
    """The file, and the list that it becomes or joins."""

    file = UploadField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("CSV, TSV or XLSX; at most 100,000 rows and 20 MB."),
    )
    name = forms.CharField(
        label=gettext_lazy("Name of the new list"),
        required=False,
        max_length=100,
        help_text=gettext_lazy("Left empty, the list is named after the file."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    list = forms.TypedChoiceField(
        label=gettext_lazy("Put the rows into"), required=False, coerce=int, empty_value=None
    )
    region = forms.ChoiceField(
        label=gettext_lazy("Country of numbers without a country code"),
        widget=forms.Select(attrs={"data-regions": True}),
    )

    def __init__(self, request: PageRequest) -> None:
        """Offer the lists that this person may change, and all countries."""
        wanted = parse_id(request.GET.get("list", ""))
        first = {"region": request.account.region, "list": str(wanted or "")}
        post = request.method == "POST"
        super().__init__(
            request.POST if post else None, request.FILES if post else None, initial=first
        )
        offered = list_rows(request.account, request.actor, limit=LISTS_OFFERED)
        known = [(str(row.id), row.name) for row in offered]
        if wanted and first["list"] not in dict(known):
            row = list_row(request.account, request.actor, wanted, Permission.EDIT_LIST)
            known.insert(0, (str(row.id), row.name))
        self.fields["list"].choices = [("", _("A new list")), *known]  # type: ignore[attr-defined]  # a choice field
        self.fields["region"].choices = [  # type: ignore[attr-defined]  # a choice field
            (region, f"{region} +{code}") for region, code in regions()
        ]


def imports(request: PageRequest) -> HttpResponse:
    """Show the imports, newest first."""
    number = page_number(request.GET.get("page", ""))
    rows = queries.import_rows(
        request.account, request.actor, offset=(number - 1) * PER_PAGE, limit=PER_PAGE + 1
    )
    return render(request, "imports/index.html", {"page": cut(rows, number, PER_PAGE)})


def import_new(request: PageRequest) -> HttpResponse:
    """Take a file, and go on to its columns."""
    form = ChooseForm(request)
    if request.method == "POST" and form.is_valid():
        said, file = form.cleaned_data, form.cleaned_data["file"]
        with form.refusals():
            import_id = services.begin_import(
                account=request.account,
                actor=request.actor,
                file_name=file.name,
                data=file.read(),
                name=said["name"] or PurePath(clean_file_name(file.name)).stem[:100],
                list_id=said["list"],
                region=said["region"],
                again=True,  # told on the next page: nobody has to choose the file once more
                now=request.now,
            )
            return redirect("import_columns", import_id)
    return render(request, "imports/new.html", {"form": form, "step": 1}, status=status_of(form))


def import_columns(request: PageRequest, import_id: int) -> HttpResponse:
    """Show how the file is read, let it be said otherwise, and have it checked."""
    row = queries.import_row(request.account, request.actor, import_id)
    if row.is_over:  # somebody went back to it
        return go(request, reverse("import", args=[import_id]))
    stored = queries.reading_of(request.account, request.actor, import_id)
    asked = request.POST if request.method == "POST" else request.GET
    reading = _reading(asked, stored) if "region" in asked else stored
    error: InvalidInputError | None = None
    try:
        preview = queries.draft_preview(request.account, request.actor, import_id, reading)
    except InvalidInputError as refused:  # cannot be read so: show how it can be
        error, reading = refused, Reading(region=stored.region)
        preview = queries.draft_preview(request.account, request.actor, import_id, reading)
    if request.method == "POST" and error is None:
        planned = _planned(reading, preview, request.POST)
        try:
            services.plan_import(
                account=request.account,
                actor=request.actor,
                import_id=import_id,
                reading=planned,
            )
            return redirect("import", import_id)
        except InvalidInputError as refused:
            error = refused
    # Columns without names are called alike in every file.
    named = preview.headings if preview.has_header else ()
    before = queries.last_mapping(request.account, named)
    shown = {
        "row": row,
        "step": 2,
        "is_remembered": bool(before),
        "error": error,
        "before": queries.imported_before(request.account, import_id),
        "preview": preview,
        "columns": _columns(preview, before, request.POST),
        "reading": reading,
        "region": reading.region or request.account.region,
        "regions": regions(),
        "encodings": ENCODINGS,
        "separators": [(sign, name) for sign, name in SEPARATOR_NAMES if sign in SEPARATORS],
        "meanings": MEANING_NAMES,
        "keep": KEEP,
    }
    name = "imports/_columns.html" if request.htmx else "imports/columns.html"
    return render(request, name, shown, status=422 if error else 200)


def import_(request: PageRequest, import_id: int) -> HttpResponse:
    """Show how far an import is, what was found, and what became of it."""
    row = queries.import_row(request.account, request.actor, import_id)
    if row.status == ImportStatus.DRAFT:
        return redirect("import_columns", import_id)
    before = queries.imported_before(request.account, import_id)
    shown = {"row": row, "step": step_of(row), "before": None if row.is_over else before}
    return render(request, "imports/import.html", shown)


def import_confirm(request: PageRequest, import_id: int) -> HttpResponse:
    """Let the rows that were checked be saved."""
    services.confirm_import(
        account=request.account,
        actor=request.actor,
        import_id=import_id,
        name=request.POST.get("name", ""),
    )
    return go(request, reverse("import", args=[import_id]))


def import_cancel(request: PageRequest, import_id: int) -> HttpResponse:
    """Forget the file; nothing was saved."""
    services.cancel_import(
        account=request.account, actor=request.actor, import_id=import_id, now=request.now
    )
    messages.success(request, _("The import was cancelled; nothing was saved."))
    return go(request, reverse("imports"))


def import_undo(request: PageRequest, import_id: int) -> HttpResponse:
    """Say what taking an import back does, and do it."""
    row = queries.import_row(request.account, request.actor, import_id)
    if request.method != "POST":
        why_not: AutodialerError | None = None
        try:
            check_undoable(request.account, request.actor, import_id, request.now)
        except (ConflictError, IllegalTransitionError) as refusal:
            why_not = refusal
        return render(request, "imports/undo.html", {"row": row, "why_not": why_not})
    undo_import(account=request.account, actor=request.actor, import_id=import_id, now=request.now)
    messages.success(request, _("The import was taken back."))
    return redirect("import", import_id)


def import_rejected(request: PageRequest, import_id: int) -> HttpResponse:
    """Hand out the rows that were left out, to be corrected and imported again."""
    row = queries.import_row(request.account, request.actor, import_id)
    content = queries.rejected_file(request.account, request.actor, import_id)
    return _csv(content, f"{file_stem(PurePath(row.file_name).stem)}-rejected.csv")


def import_sample(request: PageRequest) -> HttpResponse:
    """Hand out a file that shows what a list looks like."""
    return _csv(SAMPLE.encode("utf-8-sig"), "sample.csv")


SEPARATOR_NAMES: Final = (
    (",", gettext_lazy("comma")),
    (";", gettext_lazy("semicolon")),
    ("\t", gettext_lazy("TAB")),
    ("|", gettext_lazy("bar")),
)
MEANING_NAMES: Final = (
    (NUMBER, gettext_lazy("Telephone number")),
    ("first_name", gettext_lazy("First name")),
    ("last_name", gettext_lazy("Last name")),
    ("company", gettext_lazy("Company")),
    ("email", gettext_lazy("E-mail address")),
    ("tag", gettext_lazy("Tag")),
    (KEEP, gettext_lazy("A field named after the column")),
    (LEFT_OUT, gettext_lazy("Leave it out")),
)


def step_of(row: ImportRow) -> int:
    """Return at which of the five steps an import is."""
    if row.is_over or row.confirmed:
        return 5
    return 4 if row.status == ImportStatus.CHECKED else 3


def _reading(asked: QueryDict, stored: Reading) -> Reading:
    """Return what was said above the table of columns; the columns themselves come later."""
    header = {"yes": True, "no": False}.get(asked.get("header", ""))
    return Reading(
        encoding=asked.get("encoding", ""),
        separator=asked.get("separator", ""),
        region=asked.get("region", "") or stored.region,
        has_header=header,
    )


def _planned(reading: Reading, preview: Preview, post: QueryDict) -> Reading:
    said = {}
    for at, heading in enumerate(preview.headings):
        meaning = post.get(f"meaning-{at}", KEEP)
        if meaning in MEANINGS:
            said[heading] = meaning
        else:  # a field of their own; a name that means something else gets a number
            said[heading] = f"{heading} (2)" if heading in MEANINGS else heading
    return Reading(
        encoding=reading.encoding,
        separator=reading.separator,
        region=reading.region,
        has_header=preview.has_header,
        columns=said,
    )


def _columns(
    preview: Preview, before: Mapping[str, str], post: QueryDict
) -> list[dict[str, object]]:
    """Return each column with its heading, its meaning and what stands below.

    What it was in such a file `before` is a better guess than its name.
    """
    columns: list[dict[str, object]] = []
    for at, heading in enumerate(preview.headings):
        guess = before.get(heading, preview.meanings[at])
        cells = [row[at] for row in preview.sample if len(row) > at]
        columns.append(
            {
                "name": f"meaning-{at}",
                "heading": heading,
                "meaning": post.get(f"meaning-{at}", guess if guess in MEANINGS else KEEP),
                "sample": [cell.encode(errors="replace").decode() for cell in cells],
            }
        )
    return columns


def _csv(content: bytes, name: str) -> HttpResponse:
    answer = HttpResponse(content, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = disposition(name)
    return answer


def _may_watch(viewer: Viewer, import_id: int) -> None:
    require(viewer.actor, Permission.CREATE_LIST)
    queries.import_row(viewer.account, viewer.actor, import_id)


def _as_they_are(view: View, ids: Sequence[int]) -> Mapping[int, Mapping[str, str]]:
    """Return the state of imports: for their own pages, and for the table of all."""
    return {
        row.id: {
            f"import-{row.id}": fragment("imports/_state.html", row=row, step=step_of(row)),
            f"import-row-{row.id}": fragment("imports/_row.html", row=row),
        }
        for row in queries.import_rows_of(view.account, ids)
    }


TOPICS: Final = (Topic("import", _may_watch, _as_they_are, shown_in=the_id_of(Shown.IMPORT)),)
_P = Permission
_ONE: Final = "lists/imports/<int:import_id>/"
ROUTES: Final = (
    Route("lists/imports/", "imports", imports, _P.CREATE_LIST),
    Route("lists/imports/new/", "import_new", import_new, _P.CREATE_LIST, FORM),
    Route("lists/imports/sample.csv", "import_sample", import_sample, _P.CREATE_LIST),
    Route(_ONE, "import", import_, _P.CREATE_LIST),
    Route(f"{_ONE}columns/", "import_columns", import_columns, _P.CREATE_LIST, FORM),
    Route(f"{_ONE}confirm/", "import_confirm", import_confirm, _P.CREATE_LIST, WRITE),
    Route(f"{_ONE}cancel/", "import_cancel", import_cancel, _P.CREATE_LIST, WRITE),
    Route(f"{_ONE}undo/", "import_undo", import_undo, _P.CREATE_LIST, FORM),
    Route(f"{_ONE}rejected.csv", "import_rejected", import_rejected, _P.CREATE_LIST),
)
