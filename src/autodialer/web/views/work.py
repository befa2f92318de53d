"""An agent's screen of a campaign: Start and Stop, one's state, and who is being called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.http import JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.agents.queries import device
from autodialer.apps.agents.services import issue_phone_secret
from autodialer.apps.calls.console import console, live_session, state_keys
from autodialer.apps.calls.services import start_session, stop_session
from autodialer.apps.campaigns.access import check_visible, visible_campaign
from autodialer.apps.campaigns.queries import rows_of
from autodialer.domain.errors import ConflictError, NotFoundError
from autodialer.domain.people import DeviceKind
from autodialer.ports.screens import Shown
from autodialer.web.live_topics import AT_ONCE, Topic, fragment, signal, the_id_of
from autodialer.web.routes import WRITE, Route
from autodialer.web.views.campaigns import recent_counts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import HttpResponse

    from autodialer.web.access import PageRequest
    from autodialer.web.live_topics import Fragments, View, Viewer


def work(request: PageRequest, campaign_id: int) -> HttpResponse:
    """Show the whole screen."""
    return render(request, "work/index.html", _shown(request, campaign_id))


def part(request: PageRequest, campaign_id: int) -> HttpResponse:
    """Show what changes with every call; the page asks for it when it is told to."""
    return render(request, "work/_console.html", _shown(request, campaign_id))


def start(request: PageRequest, campaign_id: int) -> HttpResponse:
    """Let the dialer call this agent, then the list. Pressed twice, it starts once."""
    try:
        start_session(
            account=request.account,
            campaign_id=campaign_id,
            user_id=request.user.pk,
            now=request.now,
            actor=request.actor,
        )
    except ConflictError as error:
        return _answer(request, campaign_id, str(error))
    return _answer(request, campaign_id)


def stop(request: PageRequest, campaign_id: int) -> HttpResponse:
    """End one's session: after the present call, or with `at_once` by hanging up. Repeatable."""
    campaign = visible_campaign(request.account, request.actor, campaign_id, Permission.DIAL)
    mine = live_session(request.account, request.user)
    if mine is not None and mine.campaign_id == campaign.pk:
        stop_session(
            account=request.account,
            session_id=mine.pk,
            now=request.now,
            at_once=request.POST.get("at_once") == "yes",
            actor=request.actor,
        )
    return _answer(request, campaign_id)


def phone_account(request: PageRequest) -> HttpResponse:
    """Give the telephone in this page what it registers with; the one before is refused then."""
    mine = device(request.account, request.user.pk)
    if mine is None or mine.kind != DeviceKind.BROWSER:
        raise NotFoundError(gettext("You have no phone in the browser: add one to your profile."))
    issued = issue_phone_secret(
        account=request.account,
        user_id=request.user.pk,
        device_id=mine.pk,
        now=request.now,
        actor=request.actor,
    )
    account = {"user": issued.user, "secret": issued.secret, "realm": issued.realm}
    return JsonResponse(account, headers={"Cache-Control": "no-store"})


def _shown(request: PageRequest, campaign_id: int) -> dict[str, object]:
    campaign = visible_campaign(request.account, request.actor, campaign_id, Permission.DIAL)
    (row,) = rows_of(request.account, [campaign_id], recent_counts(request.account))
    return {
        "campaign": row,
        "assigned_by": campaign.created_by.name if campaign.created_by else "",
        "console": console(request.account, campaign, request.user, request.now),
        "device": device(request.account, request.user.pk),
    }


def _answer(request: PageRequest, campaign_id: int, refused: str = "") -> HttpResponse:
    """Return the screen as it is now, with what was refused, if anything was."""
    if not request.htmx and not refused:
        return redirect("campaign_work", campaign_id)
    shown = {**_shown(request, campaign_id), "refused": refused}
    template = "work/_console.html" if request.htmx else "work/index.html"
    return render(request, template, shown, status=409 if refused else 200)


def _oneself(viewer: Viewer, user_id: int) -> None:
    """Allow: the id is the viewer's own."""


def _keys(view: View, ids: Sequence[int]) -> Mapping[int, Fragments]:
    """Return what differs when a screen must be drawn anew; its page then asks for it."""
    keys = state_keys(view.account, ids)
    return {user_id: signal("agent", keys.get(user_id, "")) for user_id in ids}


def _may_see(viewer: Viewer, campaign_id: int) -> None:
    check_visible(viewer.account, viewer.actor, campaign_id)


def _counts(view: View, ids: Sequence[int]) -> Mapping[int, Fragments]:
    rows = rows_of(view.account, ids)
    return {row.id: {"work-counts": fragment("work/_counts.html", campaign=row)} for row in rows}


TOPICS: Final = (
    Topic("work", _may_see, _counts, shown_in=the_id_of(Shown.CAMPAIGN)),
    Topic(
        "agent",
        _oneself,
        _keys,
        shown_in=the_id_of(Shown.AGENT),
        pace_s=AT_ONCE,
        own_id=lambda viewer: viewer.user.pk,
    ),
)

_WORK: Final = "campaigns/<int:campaign_id>/agent/"
ROUTES: Final = (
    Route(_WORK, "campaign_work", work, Permission.DIAL),
    Route(f"{_WORK}now/", "campaign_work_part", part, Permission.DIAL),
    Route(f"{_WORK}start/", "work_start", start, Permission.DIAL, WRITE),
    Route(f"{_WORK}stop/", "work_stop", stop, Permission.DIAL, WRITE),
    Route("phone/account/", "phone_account", phone_account, Permission.DIAL, WRITE),
)
