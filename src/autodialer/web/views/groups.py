"""Groups: who works together, in campaigns that are given to a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import messages
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.agents import queries, services
from autodialer.apps.texts import isolated
from autodialer.web.back import go
from autodialer.web.forms import Form
from autodialer.web.routes import FORM, Route

if TYPE_CHECKING:
    from django.http import HttpResponse

    from autodialer.web.access import PageRequest


class GroupForm(Form):
    """A group and who is in it."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    members = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Members"),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "Counts at once, also in campaigns that run: who leaves finishes the present call."
        ),
    )

    def __init__(self, *args: Any, people: list[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["members"].choices = people  # type: ignore[attr-defined]


def group_new(request: PageRequest) -> HttpResponse:
    """Make a group."""
    form = GroupForm(request.POST or None, people=queries.user_names(request.account))
    if request.method == "POST" and form.is_valid():
        with form.refusals():
            services.create_group(
                account=request.account,
                name=form.cleaned_data["name"],
                member_ids=form.cleaned_data["members"],
                actor=request.actor,
                now=request.now,
            )
            return _to_people(request)
    return render(request, "people/group.html", {"form": form}, status=422 if form.errors else 200)


def group_edit(request: PageRequest, group_id: int) -> HttpResponse:
    """Rename a group and choose who is in it."""
    found = queries.group(request.account, group_id)
    facts, people = queries.group_facts(found), queries.user_names(request.account)
    form = GroupForm(request.POST or None, people=people, initial=facts, facts=facts)
    if request.method == "POST" and form.is_valid():
        with form.refusals():
            services.edit_group(
                account=request.account,
                group_id=group_id,
                name=form.cleaned_data["name"],
                user_ids=form.cleaned_data["members"],
                seen=form.seen,
                actor=request.actor,
                now=request.now,
            )
            return _to_people(request)
    shown = {"form": form, "group": found}
    return render(request, "people/group.html", shown, status=form.status)


def group_delete(request: PageRequest, group_id: int) -> HttpResponse:
    """Ask whether a group shall go, and delete it."""
    found = queries.group(request.account, group_id)
    if request.method != "POST":
        return render(request, "people/group_delete.html", {"group": found})
    services.delete_group(
        account=request.account, group_id=group_id, actor=request.actor, now=request.now
    )
    messages.success(request, _("The group %s was deleted.") % isolated(found.name))
    return redirect("people")


def _to_people(request: PageRequest) -> HttpResponse:
    messages.success(request, _("The group was saved."))
    return go(request, reverse("people"))


_P = Permission
ROUTES: Final = (
    Route("groups/new/", "group_new", group_new, _P.EDIT_GROUPS, FORM),
    Route("groups/<int:group_id>/", "group", group_edit, _P.EDIT_GROUPS, FORM),
    Route("groups/<int:group_id>/delete/", "group_delete", group_delete, _P.EDIT_GROUPS, FORM),
)
