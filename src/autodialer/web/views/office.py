"""What belongs to the account as a whole: caller ids, money, settings, the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django import forms
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.accounts.queries import account_facts
from autodialer.apps.accounts.services import change_account
from autodialer.apps.audit.queries import entries, subject_kinds
from autodialer.apps.billing import queries as billing
from autodialer.apps.campaigns.queries import caller_id_row, caller_id_rows
from autodialer.apps.campaigns.services import add_caller_id, unverify_caller_id
from autodialer.domain.errors import InvalidInputError
from autodialer.web.access import may
from autodialer.web.forms import Form, TimeInput, zone_choices
from autodialer.web.ids import parse_id
from autodialer.web.routes import FORM, Route

if TYPE_CHECKING:
    from django.http import HttpResponse

    from autodialer.web.access import PageRequest

PER_PAGE: Final = 50


class CallerIdForm(Form):
    """A number that calls shall be made from."""

    number = forms.CharField(
        label=gettext_lazy("Number"),
        max_length=40,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
        help_text=gettext_lazy("With its country code, or as dialled in the account's country."),
    )
    verified = forms.BooleanField(
        label=gettext_lazy("We own this number, and our carrier lets us call from it"),
        required=False,
        help_text=gettext_lazy("Campaigns call from verified numbers only."),
    )


def caller_ids(request: PageRequest) -> HttpResponse:
    """Show the numbers that calls are made from, and add one."""
    form = CallerIdForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with form.refusals():
            added = add_caller_id(
                account=request.account,
                actor=request.actor,
                number=form.cleaned_data["number"],
                verified=form.cleaned_data["verified"],
                now=request.now,
            )
            messages.success(request, _("%(number)s was added.") % {"number": added.e164})
            return redirect("caller_ids")
    shown = {
        "rows": caller_id_rows(request.account),
        "form": form,
        "may_edit": may(request, Permission.EDIT_CALLER_IDS),
    }
    return render(request, "office/caller_ids.html", shown, status=422 if form.errors else 200)


def caller_id_withdraw(request: PageRequest, caller_id: int) -> HttpResponse:
    """Ask whether calls from a number shall stop, and stop them."""
    row = caller_id_row(request.account, caller_id)
    if request.method != "POST":
        return render(request, "office/caller_id_withdraw.html", {"row": row})
    paused = unverify_caller_id(
        account=request.account, actor=request.actor, caller_id=row.id, now=request.now
    )
    sentence = ngettext(
        "No call leaves with %(number)s any more; %(paused)d campaign was paused.",
        "No call leaves with %(number)s any more; %(paused)d campaigns were paused.",
        paused,
    )
    messages.success(request, sentence % {"number": row.e164, "paused": paused})
    return redirect("caller_ids")


def balance(request: PageRequest) -> HttpResponse:
    """Show the money of the account, what calls cost, and what moved the balance."""
    before = parse_id(request.GET.get("before", ""))
    rows = billing.ledger_rows(request.account, limit=PER_PAGE + 1, before_id=before)
    shown = {
        "balance": billing.balance(request.account),
        "tariffs": billing.tariff_rows(request.account),
        "rows": rows[:PER_PAGE],
        "older": rows[PER_PAGE - 1].id if len(rows) > PER_PAGE else None,
        "is_first": before is None,
    }
    return render(request, "office/balance.html", shown)


def audit(request: PageRequest) -> HttpResponse:
    """Show who did what, newest first."""
    kind, before = request.GET.get("kind", ""), parse_id(request.GET.get("before", ""))
    kinds = subject_kinds(request.account)
    if kind and kind not in kinds:
        raise InvalidInputError("kind", _("Filter by one of: %s.") % ", ".join(kinds))
    rows = entries(request.account, subject_kind=kind, before_id=before, limit=PER_PAGE + 1)
    shown = {
        "rows": rows[:PER_PAGE],
        "older": rows[PER_PAGE - 1].id if len(rows) > PER_PAGE else None,
        "is_first": before is None,
        "kinds": kinds,
        "kind": kind,
    }
    return render(request, "office/audit.html", shown)


class SettingsForm(Form):
    """Where the account is, when it may call, and how people sign in."""

    zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=zone_choices,
        help_text=gettext_lazy("All times on all pages, and the calling hours, are by this clock."),
    )
    region = forms.CharField(
        label=gettext_lazy("Country"),
        min_length=2,
        max_length=2,
        help_text=gettext_lazy(
            "Two letters such as IN. Numbers without a country code are of this country."
        ),
    )
    window_opens = forms.TimeField(label=gettext_lazy("Calls from"), widget=TimeInput())
    window_closes = forms.TimeField(
        label=gettext_lazy("Calls until"),
        widget=TimeInput(),
        help_text=gettext_lazy(
            "Within 09:00 to 21:00. No phone rings outside; a conversation may finish."
        ),
    )
    redial_gap = forms.DurationField(
        label=gettext_lazy("Seconds between two calls to one number"),
        help_text=gettext_lazy("Over all campaigns of the account; 0 to 3600."),
        widget=forms.NumberInput(attrs={"min": 0, "max": 3600}),
    )
    require_second_factor = forms.BooleanField(
        label=gettext_lazy("Admins and supervisors must sign in with a second factor"),
        required=False,
    )
    allows_http = forms.BooleanField(
        label=gettext_lazy("Allow addresses without TLS (http://)"),
        required=False,
        help_text=gettext_lazy(
            "What a campaign asks and tells over them can be read on the way: names, numbers, keys."
        ),
    )


def settings(request: PageRequest) -> HttpResponse:
    """Show the settings of the account, and change them."""
    may_change = may(request, Permission.CHANGE_SETTINGS)
    names = set(SettingsForm.base_fields) - {"redial_gap"}
    kept = {name: getattr(request.account, name) for name in names}
    kept["redial_gap"] = request.account.redial_gap_s
    form = SettingsForm(request.POST or None, initial=kept, facts=account_facts(request.account))
    for field in form.fields.values():
        field.disabled = not may_change
    if request.method == "POST" and form.is_valid():
        with form.refusals():
            change_account(
                account=request.account,
                actor=request.actor,
                seen=form.seen,
                now=request.now,
                **form.cleaned_data,
            )
            messages.success(request, _("The settings were saved. They count from the next dial."))
            return redirect("settings")
    shown = {"form": form, "may_change": may_change}
    return render(request, "office/settings.html", shown, status=form.status)


_P = Permission
ROUTES: Final = (
    Route("caller-ids/", "caller_ids", caller_ids, _P.VIEW_CALLER_IDS, FORM, _P.EDIT_CALLER_IDS),
    Route(
        "caller-ids/<int:caller_id>/withdraw/",
        "caller_id_withdraw",
        caller_id_withdraw,
        _P.EDIT_CALLER_IDS,
        FORM,
    ),
    Route("balance/", "balance", balance, _P.VIEW_BALANCE),
    Route("audit/", "audit", audit, _P.VIEW_AUDIT_LOG),
    Route("settings/", "settings", settings, _P.VIEW_SETTINGS, FORM, _P.CHANGE_SETTINGS),
)
