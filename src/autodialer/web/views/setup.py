"""The first page of a new installation: who may open it, holds the link that `up` printed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from allauth.account.utils import perform_login
from django import forms
from django.conf import settings
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.first_admin import FirstAdmin, check_setup_link, make_first_admin
from autodialer.web.forms import Form, zone_choices
from autodialer.web.routes import FORM, Open, Route

if TYPE_CHECKING:
    from django.http import HttpResponse

    from autodialer.web.access import PageRequest

COOKIE: Final = "setup"


class SetupForm(Form):
    """An account and its admin."""

    account_name = forms.CharField(label=gettext_lazy("Name of your organisation"), max_length=100)
    zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=zone_choices,
        initial="Asia/Kolkata",
        help_text=gettext_lazy("All times on all pages, and the calling hours, are by this clock."),
    )
    region = forms.CharField(
        label=gettext_lazy("Country"),
        min_length=2,
        max_length=2,
        initial="IN",
        help_text=gettext_lazy(
            "Two letters such as IN. Numbers without a country code are of this country."
        ),
    )
    admin_name = forms.CharField(label=gettext_lazy("Your name"), max_length=100)
    email = forms.EmailField(
        label=gettext_lazy("Your e-mail address"),
        help_text=gettext_lazy("You sign in with it."),
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        help_text=gettext_lazy("At least 12 characters; not digits alone, not a common one."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    password_again = forms.CharField(
        label=gettext_lazy("Password again"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_region(self) -> str:
        """Return the letters as countries are written."""
        region: str = self.cleaned_data["region"]
        return region.upper()

    def clean_password_again(self) -> str:
        """Refuse two passwords that differ: what was typed cannot be seen."""
        again: str = self.cleaned_data["password_again"]
        if again != self.cleaned_data.get("password", again):
            raise forms.ValidationError(gettext_lazy("The two passwords differ."))
        return again

    def first_admin(self) -> FirstAdmin:
        """Return what was filled in."""
        given = self.cleaned_data
        return FirstAdmin(
            account_name=given["account_name"],
            zone=given["zone"],
            region=given["region"],
            name=given["admin_name"],
            email=given["email"],
            password=given["password"],
        )


def open_link(request: PageRequest, token: str) -> HttpResponse:
    """Let the browser keep the secret and go on without it: addresses end up in logs."""
    check_setup_link(token)
    answer = redirect("setup")
    answer.set_cookie(
        COOKIE,
        token,
        path=answer.url,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return answer


def setup(request: PageRequest) -> HttpResponse:
    """Make the account and its admin, who is signed in then."""
    token = request.COOKIES.get(COOKIE, "")
    check_setup_link(token)
    form = SetupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with form.refusals():
            return _made(request, token, form.first_admin())
    return render(request, "account/setup.html", {"form": form}, status=422 if form.errors else 200)


def _made(request: PageRequest, token: str, first: FirstAdmin) -> HttpResponse:
    # The link was printed where the operator started the program.
    actor = replace(OPERATOR, request_id=request.request_id, from_address=request.from_address)
    admin = make_first_admin(token=token, first=first, actor=actor, now=request.now)
    answer: HttpResponse = perform_login(request, admin, redirect_url=settings.LOGIN_REDIRECT_URL)
    answer.delete_cookie(COOKIE, path=request.path)
    return answer


ROUTES: Final = (
    Route("setup/", "setup", setup, Open.ANYBODY, FORM),
    Route("setup/<str:token>/", "setup_link", open_link, Open.ANYBODY),
)
