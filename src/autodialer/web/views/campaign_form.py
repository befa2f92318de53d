"""Making, cloning and editing a campaign: a dialog, and a page of its own without JavaScript."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.campaigns.access import visible_campaign
from autodialer.apps.campaigns.actions import check_action
from autodialer.apps.campaigns.queries import facts, plan_of
from autodialer.apps.campaigns.services import create_campaign, edit_campaign
from autodialer.apps.contacts.queries import forbidden_members, list_row, list_rows
from autodialer.apps.imports.queries import LeftOut, left_out
from autodialer.apps.texts import isolated
from autodialer.domain.campaign import CampaignAction
from autodialer.domain.errors import NotFoundError
from autodialer.web import back
from autodialer.web.access import may
from autodialer.web.ids import parse_id
from autodialer.web.plan_form import PlanForm, initial_of, initial_of_copy, lacks
from autodialer.web.routes import FORM, Route

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.utils.functional import _StrPromise

    from autodialer.apps.campaigns.models import Campaign
    from autodialer.apps.contacts.queries import ListRow
    from autodialer.web.access import PageRequest


@dataclass(frozen=True, slots=True)
class Dialog:
    """The words of the dialog, and where it is sent."""

    heading: str | _StrPromise
    button: str | _StrPromise
    url: str
    copied: int | None = None  # the size of the present copy, of a campaign that is edited


@dataclass(frozen=True, slots=True)
class Copy:
    """What a campaign would get of a list."""

    row: ListRow
    forbidden: int
    left_out: LeftOut


def new(request: PageRequest) -> HttpResponse:
    """Ask for a campaign, of `?list=` if an address says so, and make it."""
    return _make(request, {"list": request.GET.get("list")})


def clone(request: PageRequest, campaign_id: int) -> HttpResponse:
    """Ask for a campaign like another one, all fields filled in."""
    model = visible_campaign(request.account, request.actor, campaign_id, Permission.CLONE_CAMPAIGN)
    return _make(request, initial_of_copy(plan_of(model), request.now))


def edit(request: PageRequest, campaign_id: int) -> HttpResponse:
    """Ask what shall be different in a campaign that has not started, and change it."""
    campaign = visible_campaign(
        request.account, request.actor, campaign_id, Permission.EDIT_CAMPAIGN
    )
    check_action(CampaignAction.EDIT, campaign, request.actor)
    form = PlanForm(
        request,
        request.POST or None,
        initial=initial_of(plan_of(campaign)),
        facts=facts(campaign),
        is_new=False,
    )
    dialog = Dialog(
        gettext_lazy("Edit Dialer Campaign"),
        gettext_lazy("Save the campaign"),
        reverse("campaign_edit", args=[campaign_id]),
        campaign.target_count,
    )
    if request.method == "POST" and form.is_valid():
        with form.refusals():
            changed = edit_campaign(
                account=request.account,
                actor=request.actor,
                campaign_id=campaign_id,
                plan=form.plan(),
                copy_again=form.cleaned_data["copy_again"],
                seen=form.seen,
                now=request.now,
            )
            return _done(request, changed, _("%s was changed."))
    return _ask(request, form, dialog)


def preview(request: PageRequest) -> HttpResponse:
    """Say what a campaign would get of a list."""
    copy = copy_of(request, parse_id(request.GET.get("list", "")))
    return render(request, "campaigns/_copy.html", {"copy": copy})


def copy_of(request: PageRequest, list_id: int | None) -> Copy | None:
    """Return what a campaign would get of a list; None when none is chosen."""
    if list_id is None:
        return None
    row = list_row(request.account, request.actor, list_id)
    return Copy(row, forbidden_members(request.account, row.id), left_out(request.account, row.id))


def _make(request: PageRequest, initial: dict[str, Any]) -> HttpResponse:
    form = PlanForm(request, request.POST or None, initial=initial, is_new=True)
    if request.method == "POST" and form.is_valid():
        with form.refusals():
            plan = form.plan()
            made = create_campaign(
                account=request.account,
                actor=request.actor,
                name=plan.name,
                caller_id=plan.caller_id,
                list_id=plan.list_id,
                dial_whom_url=plan.dial_whom_url,
                group_id=plan.group_id,
                agent_ids=plan.agent_ids,
                terms=plan.terms,
                now=request.now,
            )
            return _done(request, made, _("%s was created."))
    heading = gettext_lazy("Create Dialer Campaign")
    return _ask(request, form, Dialog(heading, heading, reverse("campaign_new")))


def _ask(request: PageRequest, form: PlanForm, dialog: Dialog) -> HttpResponse:
    shown = {
        "form": form,
        "dialog": dialog,
        "is_lacking": lacks(request.account),
        "has_lists": bool(list_rows(request.account, request.actor, limit=1)),
        "may_verify": may(request, Permission.EDIT_CALLER_IDS),
        "copy": _chosen(request, form),
        "back": back.origin(request, reverse("campaigns")),
        "back_field": back.FIELD,
    }
    return render(request, "campaigns/form.html", shown, status=form.status)


def _chosen(request: PageRequest, form: PlanForm) -> Copy | None:
    try:
        return copy_of(request, form.chosen_list)
    except NotFoundError:  # deleted, or never there: the form says so
        return None


def _done(request: PageRequest, campaign: Campaign, sentence: str) -> HttpResponse:
    numbers = ngettext(
        "It has a copy of %(numbers)s number.",
        "It has a copy of %(numbers)s numbers.",
        campaign.target_count,
    ) % {"numbers": f"{campaign.target_count:,}"}
    done = sentence % isolated(campaign.name)
    messages.success(request, done if campaign.dial_whom_url else f"{done} {numbers}")
    return back.go(request, back.origin(request, reverse("campaigns")))


_ONE: Final = "campaigns/<int:campaign_id>/"
ROUTES: Final = (
    Route("campaigns/new/", "campaign_new", new, Permission.CREATE_CAMPAIGN, FORM),
    Route("campaigns/preview/", "campaign_preview", preview, Permission.CREATE_CAMPAIGN),
    Route(f"{_ONE}clone/", "campaign_clone", clone, Permission.CLONE_CAMPAIGN),
    Route(f"{_ONE}edit/", "campaign_edit", edit, Permission.EDIT_CAMPAIGN, FORM),
)
