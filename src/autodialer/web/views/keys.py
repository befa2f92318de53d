"""API keys: what programs of the account sign in with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django import forms
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.accounts.scopes import GRANTS
from autodialer.apps.keys.queries import KEY_NAME_LENGTH, KeyState, key_row, key_rows
from autodialer.apps.keys.services import create_key, revoke_key
from autodialer.apps.texts import isolated
from autodialer.domain.ids import sid_of
from autodialer.web.forms import DateTimeInput, Form
from autodialer.web.routes import FORM, Route

if TYPE_CHECKING:
    from django.http import HttpResponse

    from autodialer.web.access import PageRequest

STATES: Final = {
    KeyState.LIVE: gettext_lazy("Works"),
    KeyState.EXPIRED: gettext_lazy("Expired"),
    KeyState.REVOKED: gettext_lazy("Revoked"),
    KeyState.MAKER_GONE: gettext_lazy("Stopped with its maker"),
}


class KeyForm(Form):
    """A new key: what for, and for how long."""

    in_conflict = "name"

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=KEY_NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy(
            "Of the program. To replace a key, make a second one of its name, then revoke it."
        ),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"),
        choices=[(scope.value, f"{scope}: {grant.purpose}") for scope, grant in GRANTS.items()],
        widget=forms.CheckboxSelectMultiple,
    )
    expires_at = forms.DateTimeField(
        label=gettext_lazy("Works until"),
        required=False,
        widget=DateTimeInput(),
        help_text=gettext_lazy("Leave it empty for a key that works until it is revoked."),
    )


def keys(request: PageRequest) -> HttpResponse:
    """Show the keys of the account, and make one: its text is shown this once."""
    form = KeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with form.refusals():
            made = create_key(
                account=request.account, actor=request.actor, now=request.now, **form.cleaned_data
            )
            shown = {"name": form.cleaned_data["name"], "key": str(made.token)}
            return render(request, "keys/made.html", shown)
    rows = [(row, STATES[row.state]) for row in key_rows(request.account, request.now)]
    shown = {"rows": rows, "form": form, "account_sid": sid_of(request.account.pk)}
    return render(request, "keys/index.html", shown, status=form.status)


def revoke(request: PageRequest, key_id: int) -> HttpResponse:
    """Ask whether a key shall stop working, and end it."""
    row = key_row(request.account, key_id, request.now)
    if request.method != "POST":
        return render(request, "keys/revoke.html", {"row": row})
    revoke_key(account=request.account, actor=request.actor, key_id=key_id, now=request.now)
    messages.success(
        request, _("The key %(name)s does not work any more.") % {"name": isolated(row.name)}
    )
    return redirect("keys")


_P = Permission
ROUTES: Final = (
    Route("keys/", "keys", keys, _P.MANAGE_API_KEYS, FORM),
    Route("keys/<int:key_id>/revoke/", "key_revoke", revoke, _P.MANAGE_API_KEYS, FORM),
)
