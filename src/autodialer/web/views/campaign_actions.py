"""The buttons of a campaign: each asks first, in numbers, and says what is so when it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.calls.start import clock_text
from autodialer.apps.campaigns import listing, services
from autodialer.apps.campaigns.access import visible_campaign
from autodialer.apps.campaigns.actions import check_action
from autodialer.apps.campaigns.queries import changes
from autodialer.apps.texts import isolated
from autodialer.domain.campaign import CampaignAction, CampaignStatus
from autodialer.domain.errors import ConflictError, IllegalTransitionError, NotAllowedError
from autodialer.domain.target import LIVE, TargetStatus
from autodialer.web import back
from autodialer.web.routes import FORM, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.http import HttpResponse
    from django.utils.functional import _StrPromise

    from autodialer.apps.campaigns.listing import Entry
    from autodialer.web.access import PageRequest

_A = CampaignAction
_P = Permission


@dataclass(frozen=True, slots=True)
class Button:
    """What a button does, who may press it, and the words of its dialog."""

    do: Callable[..., None]
    permission: Permission
    question: _StrPromise
    label: _StrPromise
    done: _StrPromise
    is_final: bool = False


BUTTONS: Final = {
    _A.PAUSE: Button(
        services.pause_campaign,
        _P.PAUSE_CAMPAIGN,
        gettext_lazy("Pause this campaign?"),
        gettext_lazy("Pause the campaign"),
        gettext_lazy("%(name)s is paused."),
    ),
    _A.RESUME: Button(
        services.resume_campaign,
        _P.RESUME_CAMPAIGN,
        gettext_lazy("Resume this campaign?"),
        gettext_lazy("Resume the campaign"),
        gettext_lazy("%(name)s is in progress again."),
    ),
    _A.COMPLETE: Button(
        services.complete_campaign,
        _P.COMPLETE_CAMPAIGN,
        gettext_lazy("Complete this campaign?"),
        gettext_lazy("Complete the campaign"),
        gettext_lazy("%(name)s is completed."),
        is_final=True,
    ),
    _A.ARCHIVE: Button(
        services.archive_campaign,
        _P.ARCHIVE_CAMPAIGN,
        gettext_lazy("Archive this campaign?"),
        gettext_lazy("Archive the campaign"),
        gettext_lazy("%(name)s is archived."),
        is_final=True,
    ),
}


def act(request: PageRequest, campaign_id: int, *, action: CampaignAction) -> HttpResponse:
    """Ask whether to do it, saying what it will do; do it."""
    row = listing.entry(request.account, request.actor, campaign_id)
    button, origin = BUTTONS[action], back.origin(request, reverse("campaigns"))
    try:
        if request.method != "POST":
            campaign = visible_campaign(request.account, request.actor, row.id)
            check_action(action, campaign, request.actor)
            return render(request, "campaigns/act.html", _shown(button, action, row, origin))
        button.do(account=request.account, actor=request.actor, campaign_id=row.id, now=request.now)
    except IllegalTransitionError as error:  # the page was stale, or somebody was faster
        raise ConflictError(f"{error} {_who_moved_it(request, row.id)}") from None
    except NotAllowedError as error:  # the role may, but not in this state
        raise ConflictError(str(error)) from None
    messages.success(request, button.done % {"name": isolated(row.name)})
    return back.go(request, origin)


def _who_moved_it(request: PageRequest, campaign_id: int) -> str:
    last = changes(request.account, campaign_id)[-1]
    at = clock_text(request.account, last.at, request.now)
    return _("Last changed by %(who)s at %(at)s.") % {"who": isolated(last.actor), "at": at}


def _shown(button: Button, action: CampaignAction, row: Entry, origin: str) -> dict[str, Any]:
    return {
        "button": button,
        "action": action,
        "row": row,
        "consequences": list(consequences(action, row)),
        "back": origin,
        "back_field": back.FIELD,
    }


def consequences(action: CampaignAction, row: Entry) -> Iterator[str]:
    """Yield, in numbers, what pressing the button will do."""
    match action:
        case _A.PAUSE:
            yield _("No new call starts from one second after you confirm.")
            yield from _live(row)
            yield from _waiting(row, _("They stay as they are until you resume."))
        case _A.RESUME:
            yield from _waiting(row, _("They are called within the calling hours."))
        case _A.COMPLETE:
            yield from _closed(row)
            yield from _live(row)
        case _A.ARCHIVE if row.status == CampaignStatus.CREATED:
            yield _("It will never be dialled.")
            yield from _closed(row)
        case _:
            yield _("It leaves the list; the filter by status still shows it.")
            yield _("Its counts, calls, recordings and report stay.")


def _live(row: Entry) -> Iterator[str]:
    live = sum(_count(row, status) for status in LIVE)
    yield ngettext(
        "%(live)s call now in progress will finish.",
        "%(live)s calls now in progress will finish.",
        live,
    ) % {"live": f"{live:,}"}


def _waiting(row: Entry, then: str) -> Iterator[str]:
    scheduled, retry = _count(row, TargetStatus.SCHEDULED), _count(row, TargetStatus.RETRY)
    sentence = ngettext(
        "%(waiting)s number waits to be called, %(retry)s of them for a retry.",
        "%(waiting)s numbers wait to be called, %(retry)s of them for a retry.",
        scheduled + retry,
    )
    yield f"{sentence % {'waiting': f'{scheduled + retry:,}', 'retry': f'{retry:,}'}} {then}"


def _closed(row: Entry) -> Iterator[str]:
    """What becomes of the rest (R2)."""
    scheduled, retry = _count(row, TargetStatus.SCHEDULED), _count(row, TargetStatus.RETRY)
    yield ngettext(
        "%(numbers)s number that was never called will be marked Failed no-attempt.",
        "%(numbers)s numbers that were never called will be marked Failed no-attempt.",
        scheduled,
    ) % {"numbers": f"{scheduled:,}"}
    if retry:
        yield ngettext(
            "%(numbers)s number that waits for a retry will be marked Failed.",
            "%(numbers)s numbers that wait for a retry will be marked Failed.",
            retry,
        ) % {"numbers": f"{retry:,}"}
    yield _("This cannot be undone; you can clone the campaign.")


def _count(row: Entry, status: TargetStatus) -> int:
    return row.counts[status] if row.counts else 0


ROUTES: Final = tuple(
    Route(
        f"campaigns/<int:campaign_id>/{action}/",
        f"campaign_{action}",
        partial(act, action=action),
        button.permission,
        FORM,
    )
    for action, button in BUTTONS.items()
)
