"""Webhooks: where an account wants to be told, and what became of each delivery."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django import forms
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.campaigns.access import visible_campaign
from autodialer.apps.webhooks import queries, services
from autodialer.domain.errors import NotFoundError
from autodialer.domain.webhooks import KINDS, DeliveryStatus
from autodialer.web.access import may
from autodialer.web.back import go
from autodialer.web.forms import DateTimeInput, Form
from autodialer.web.ids import parse_id
from autodialer.web.routes import FORM, WRITE, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.http import HttpResponse

    from autodialer.apps.webhooks.queries import DeliveryRow
    from autodialer.web.access import PageRequest

PER_PAGE: Final = 50
DAY: Final = timedelta(days=1)


class EndpointForm(Form):
    """An address that shall be told."""

    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=2_048,
        widget=forms.URLInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("It gets a POST for each event. Keys may stand in its query."),
    )
    description = forms.CharField(
        label=gettext_lazy("Description"),
        max_length=services.DESCRIPTION_LENGTH,
        required=False,
        help_text=gettext_lazy("For your co-workers: what listens there."),
    )
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Events"),
        choices=[(kind.value, kind.value) for kind in KINDS],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=gettext_lazy("None chosen: all of them, also those that come later."),
    )


class ReplayForm(Form):
    """From when on what failed is sent again."""

    since = forms.DateTimeField(
        label=gettext_lazy("What failed since"),
        widget=DateTimeInput(),
        help_text=gettext_lazy("The moment of the events, by the clock of the account."),
    )


# Endpoints -----------------------------------------------------------------------------------


def webhooks(request: PageRequest) -> HttpResponse:
    """Show the endpoints and how they do."""
    shown = {
        "rows": queries.endpoints(request.account, request.actor),
        "may_edit": may(request, Permission.EDIT_WEBHOOKS),
        "may_see_secrets": may(request, Permission.SEE_WEBHOOK_SECRETS),
    }
    return render(request, "webhooks/index.html", shown)


def webhook_new(request: PageRequest) -> HttpResponse:
    """Make an endpoint."""
    form = EndpointForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with form.refusals():
            made = services.add_endpoint(
                account=request.account,
                actor=request.actor,
                now=request.now,
                **form.cleaned_data,
            )
            messages.success(request, _("The endpoint was made. Its secret is below."))
            return redirect("webhook", made.pk)
    return render(request, "webhooks/form.html", {"form": form}, status=form.status)


def webhook_edit(request: PageRequest, endpoint_id: int) -> HttpResponse:
    """Change an endpoint."""
    row = queries.endpoint_row(request.account, request.actor, endpoint_id)
    facts = {"url": row.url, "description": row.description, "kinds": [*row.kinds]}
    form = EndpointForm(request.POST or None, initial=facts, facts=facts)
    if request.method == "POST" and form.is_valid():
        with form.refusals():
            services.change_endpoint(
                account=request.account,
                actor=request.actor,
                endpoint_id=row.id,
                seen=form.seen,
                now=request.now,
                **form.cleaned_data,
            )
            messages.success(request, _("The endpoint was saved."))
            return redirect("webhook", row.id)
    return render(request, "webhooks/form.html", {"form": form, "row": row}, status=form.status)


def webhook(request: PageRequest, endpoint_id: int) -> HttpResponse:
    """Show an endpoint, its health and what was sent to it."""
    row = queries.endpoint_row(request.account, request.actor, endpoint_id)
    status, before = _status(request), parse_id(request.GET.get("before", ""))
    found = queries.endpoint_deliveries(
        request.account,
        request.actor,
        row.id,
        status=status,
        before_id=before,
        limit=PER_PAGE + 1,
    )
    shown = {
        "row": row,
        "may_edit": may(request, Permission.EDIT_WEBHOOKS),
        "may_see_secrets": may(request, Permission.SEE_WEBHOOK_SECRETS),
        **_page(found, status, is_first=before is None),
    }
    return render(request, "webhooks/endpoint.html", shown)


# What the buttons of an endpoint do, and what is said afterwards.
ACTS: Final[dict[str, tuple[Callable[..., object], object]]] = {
    "enable": (services.enable_endpoint, gettext_lazy("The endpoint was enabled.")),
    "disable": (services.disable_endpoint, gettext_lazy("The endpoint was disabled.")),
    "delete": (services.delete_endpoint, gettext_lazy("The endpoint was deleted.")),
}


def webhook_act(request: PageRequest, endpoint_id: int, verb: str) -> HttpResponse:
    """Ask whether an endpoint shall be enabled, disabled or deleted, and do it."""
    if verb not in ACTS:
        raise NotFoundError("There is no such page.")
    row = queries.endpoint_row(request.account, request.actor, endpoint_id)
    if request.method != "POST":
        return render(request, "webhooks/act.html", {"row": row, "verb": verb})
    act, said = ACTS[verb]
    act(account=request.account, actor=request.actor, endpoint_id=row.id, now=request.now)
    messages.success(request, str(said))
    return redirect("webhooks") if verb == "delete" else redirect("webhook", row.id)


def webhook_secret(request: PageRequest, endpoint_id: int) -> HttpResponse:
    """Show the secret of an endpoint, or give it a new one; both only when asked to."""
    row = queries.endpoint_row(request.account, request.actor, endpoint_id)
    shown = {"row": row, "secret": ""}
    if request.method == "POST":
        service = services.rotate_secret if "rotate" in request.POST else services.show_secret
        shown["secret"] = service(
            account=request.account, actor=request.actor, endpoint_id=row.id, now=request.now
        )
    return render(request, "webhooks/secret.html", shown)


def webhook_url_secret(request: PageRequest) -> HttpResponse:
    """Show the secret that signs what the URLs of campaigns get."""
    secret = ""
    if request.method == "POST":
        secret = services.show_url_secret(
            account=request.account, actor=request.actor, now=request.now
        )
    return render(request, "webhooks/secret.html", {"row": None, "secret": secret})


# Deliveries ----------------------------------------------------------------------------------


def webhook_test(request: PageRequest, endpoint_id: int) -> HttpResponse:
    """Send a test to an endpoint."""
    services.send_test(
        account=request.account, actor=request.actor, endpoint_id=endpoint_id, now=request.now
    )
    messages.success(request, _("A test is on its way; what comes of it is shown below."))
    return redirect("webhook", endpoint_id)


def webhook_replay(request: PageRequest, endpoint_id: int) -> HttpResponse:
    """Ask from when on, and send again what failed at an endpoint."""
    row = queries.endpoint_row(request.account, request.actor, endpoint_id)
    form = ReplayForm(request.POST or None, initial={"since": request.now - DAY})
    if request.method == "POST" and form.is_valid():
        count = services.replay_failed(
            account=request.account,
            actor=request.actor,
            endpoint_id=row.id,
            since=form.cleaned_data["since"],
            now=request.now,
        )
        sentence = ngettext(
            "%(count)d delivery is sent again.", "%(count)d deliveries are sent again.", count
        )
        messages.success(request, sentence % {"count": count})
        return go(request, f"/webhooks/{row.id}/")
    return render(request, "webhooks/replay.html", {"row": row, "form": form}, status=form.status)


def campaign_deliveries(request: PageRequest, campaign_id: int) -> HttpResponse:
    """Show what was sent to the URLs of a campaign."""
    campaign = visible_campaign(
        request.account, request.actor, campaign_id, Permission.VIEW_WEBHOOKS
    )
    status, before = _status(request), parse_id(request.GET.get("before", ""))
    found = queries.campaign_deliveries(
        request.account,
        request.actor,
        campaign.pk,
        status=status,
        before_id=before,
        limit=PER_PAGE + 1,
    )
    shown = {"campaign": campaign, **_page(found, status, is_first=before is None)}
    return render(request, "webhooks/campaign.html", shown)


def webhook_delivery(request: PageRequest, delivery_id: int) -> HttpResponse:
    """Show one delivery: what it says, and each try."""
    detail = queries.delivery_detail(request.account, request.actor, delivery_id, now=request.now)
    return render(request, "webhooks/delivery.html", {"detail": detail, "row": detail.row})


def webhook_delivery_replay(request: PageRequest, delivery_id: int) -> HttpResponse:
    """Send a delivery again."""
    services.replay_delivery(
        account=request.account, actor=request.actor, delivery_id=delivery_id, now=request.now
    )
    messages.success(request, _("It is sent again, with the same id."))
    return redirect("webhook_delivery", delivery_id)


def _status(request: PageRequest) -> DeliveryStatus | None:
    asked = request.GET.get("status", "")
    return DeliveryStatus(asked) if asked in {each.value for each in DeliveryStatus} else None


def _is_on_its_way(row: DeliveryRow) -> bool:
    return row.status == DeliveryStatus.PENDING and not row.tries


def _page(
    found: Sequence[DeliveryRow], status: DeliveryStatus | None, *, is_first: bool
) -> dict[str, object]:
    rows = found[:PER_PAGE]
    return {
        "deliveries": rows,
        "older": rows[-1].id if len(found) > PER_PAGE else None,
        "is_first": is_first,
        # What is tried for the first time is soon over; what failed may wait for hours.
        "is_moving": is_first and any(_is_on_its_way(row) for row in rows),
        "status": status,
        "statuses": [*DeliveryStatus],
    }


_P = Permission
_ONE: Final = "webhooks/<int:endpoint_id>/"
_DELIVERY: Final = "webhooks/deliveries/<int:delivery_id>/"
ROUTES: Final = (
    Route("webhooks/", "webhooks", webhooks, _P.VIEW_WEBHOOKS),
    Route("webhooks/new/", "webhook_new", webhook_new, _P.EDIT_WEBHOOKS, FORM),
    Route(
        "webhooks/url-secret/",
        "webhook_url_secret",
        webhook_url_secret,
        _P.SEE_WEBHOOK_SECRETS,
        FORM,
    ),
    Route(_ONE, "webhook", webhook, _P.VIEW_WEBHOOKS),
    Route(f"{_ONE}edit/", "webhook_edit", webhook_edit, _P.EDIT_WEBHOOKS, FORM),
    Route(f"{_ONE}secret/", "webhook_secret", webhook_secret, _P.SEE_WEBHOOK_SECRETS, FORM),
    Route(f"{_ONE}test/", "webhook_test", webhook_test, _P.REPLAY_WEBHOOKS, WRITE),
    Route(f"{_ONE}replay/", "webhook_replay", webhook_replay, _P.REPLAY_WEBHOOKS, FORM),
    Route(f"{_ONE}act/<str:verb>/", "webhook_act", webhook_act, _P.EDIT_WEBHOOKS, FORM),
    Route(
        "campaigns/<int:campaign_id>/deliveries/",
        "campaign_deliveries",
        campaign_deliveries,
        _P.VIEW_WEBHOOKS,
    ),
    Route(_DELIVERY, "webhook_delivery", webhook_delivery, _P.VIEW_WEBHOOKS),
    Route(
        f"{_DELIVERY}replay/",
        "webhook_delivery_replay",
        webhook_delivery_replay,
        _P.REPLAY_WEBHOOKS,
        WRITE,
    ),
)
