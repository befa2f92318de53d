"""Co-workers: who signs in, as what, and where each is called; and the page of all groups."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django import forms
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from autodialer.apps.accounts import services as accounts
from autodialer.apps.accounts.permissions import Permission, require_manager_of
from autodialer.apps.agents import queries
from autodialer.apps.agents import services as agents
from autodialer.apps.texts import isolated
from autodialer.domain.errors import NotFoundError
from autodialer.domain.people import DeviceKind, Role
from autodialer.web.access import may
from autodialer.web.forms import Form
from autodialer.web.routes import FORM, WRITE, Open, Route

if TYPE_CHECKING:
    from django.http import HttpResponse

    from autodialer.web.access import PageRequest

ROLE_WORDS: Final = {
    Role.ADMIN: gettext_lazy("Admin: everything in this account"),
    Role.SUPERVISOR: gettext_lazy("Supervisor: campaigns, lists, agents and reports"),
    Role.AGENT: gettext_lazy("Agent: is called, and calls the numbers of campaigns"),
}


class InviteForm(Form):
    """A new co-worker."""

    named: ClassVar = {"address": "phone", "number": "phone"}
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    email = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        help_text=gettext_lazy("They sign in with it."),
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"))
    phone = forms.CharField(
        label=gettext_lazy("Telephone"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"type": "tel"}),
        help_text=gettext_lazy("Where an agent is called. Empty: in the browser, with a headset."),
    )

    def __init__(self, *args: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [(role.value, ROLE_WORDS[role]) for role in roles]
        self.fields["role"].choices = offered  # type: ignore[attr-defined]
        self.initial.setdefault("role", Role.AGENT.value)


class NameForm(Form):
    """Another name."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)


class DeviceForm(Form):
    """One more place where somebody can be called."""

    named: ClassVar = {"number": "address"}
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        choices=[
            ("browser", gettext_lazy("This browser, with a headset")),
            ("phone", gettext_lazy("Telephone or mobile")),
            ("sip", gettext_lazy("Desk phone (SIP)")),
        ],
    )
    address = forms.CharField(
        label=gettext_lazy("Number"),
        max_length=64,
        required=False,
        help_text=gettext_lazy("Of a telephone; the others get an account here."),
    )


def index(request: PageRequest) -> HttpResponse:
    """Show everybody and all groups."""
    shown = {
        "people": queries.user_rows(request.account),
        "groups": queries.group_rows(request.account),
    }
    return render(request, "people/index.html", shown)


def invite(request: PageRequest) -> HttpResponse:
    """Add a co-worker, with a password that is shown once."""
    form = InviteForm(request.POST or None, roles=_roles(request))
    if request.method == "POST" and form.is_valid():
        with form.refusals():
            return _invited(request, form.cleaned_data)
    return render(request, "people/invite.html", {"form": form}, status=422 if form.errors else 200)


def _invited(request: PageRequest, given: dict[str, Any]) -> HttpResponse:
    password = secrets.token_urlsafe(12)
    user = agents.invite_user(
        account=request.account,
        email=given["email"],
        name=given["name"],
        role=Role(given["role"]),
        phone=given["phone"],
        password=password,
        actor=request.actor,
        now=request.now,
    )
    return render(request, "people/password.html", {"person": user, "password": password})


def _roles(request: PageRequest) -> list[Role]:
    """Return the roles that this person may give."""
    return list(Role) if may(request, Permission.MANAGE_MANAGERS) else [Role.AGENT]


def person(request: PageRequest, user_id: int) -> HttpResponse:
    """Show a co-worker."""
    return _person_page(request, user_id)


def profile(request: PageRequest) -> HttpResponse:
    """Show oneself."""
    return _person_page(request, request.user.pk)


def _person_page(request: PageRequest, user_id: int, refused: Form | None = None) -> HttpResponse:
    row = queries.user_row(request.account, user_id)
    is_self = user_id == request.user.pk
    manages = Permission.MANAGE_AGENTS if row.role == Role.AGENT else Permission.MANAGE_MANAGERS
    forms_shown: dict[str, Form] = {
        "name_form": NameForm(initial={"name": row.name}),
        "device_form": DeviceForm(),
    }
    if refused is not None:
        forms_shown["device_form" if isinstance(refused, DeviceForm) else "name_form"] = refused
    shown = {
        "person": row,
        "devices": queries.device_rows(request.account, user_id),
        "groups": queries.groups_of(request.account, user_id),
        "is_self": is_self,
        "may_manage": may(request, manages),
        "may_edit": is_self or may(request, manages),
        "may_see_secrets": may(request, Permission.MANAGE_SIP_SECRETS),
        "may_change_role": may(request, Permission.CHANGE_ROLES) and not is_self,
        "roles": [(role.value, ROLE_WORDS[role]) for role in Role],
        **forms_shown,
    }
    return render(request, "people/person.html", shown, status=422 if refused else 200)


def rename(request: PageRequest, user_id: int) -> HttpResponse:
    """Give somebody another name."""
    form = NameForm(request.POST)
    if form.is_valid():
        with form.refusals():
            accounts.rename_user(
                account=request.account,
                user_id=user_id,
                name=form.cleaned_data["name"],
                actor=request.actor,
                now=request.now,
            )
            return _back_to(request, user_id)
    return _person_page(request, user_id, form)


def change_role(request: PageRequest, user_id: int) -> HttpResponse:
    """Give somebody another role."""
    queries.user_row(request.account, user_id)
    given = request.POST.get("role", "")
    if given in set(Role):
        accounts.change_role(
            account=request.account,
            user_id=user_id,
            role=Role(given),
            actor=request.actor,
            now=request.now,
        )
        messages.success(request, _("The role was changed."))
    return _back_to(request, user_id)


def set_active(request: PageRequest, user_id: int) -> HttpResponse:
    """Ask whether somebody shall be kept out, and do it; or let them in again."""
    row = queries.user_row(request.account, user_id)
    require_manager_of(request.actor, Role(row.role))
    if request.method != "POST":
        return render(request, "people/disable.html", {"person": row})
    active = request.POST.get("active") == "yes"
    accounts.set_user_active(
        account=request.account,
        user_id=user_id,
        active=active,
        actor=request.actor,
        now=request.now,
    )
    sentence = _("%s may sign in again.") if active else _("%s is kept out from now on.")
    messages.success(request, sentence % isolated(row.name))
    return _back_to(request, user_id)


def reset_password(request: PageRequest, user_id: int) -> HttpResponse:
    """Give somebody a new password, shown once. One's own is changed by who knows the old one."""
    if user_id == request.user.pk:
        return redirect("account_change_password")
    password = secrets.token_urlsafe(12)
    user = accounts.set_password(
        account=request.account,
        user_id=user_id,
        password=password,
        actor=request.actor,
        now=request.now,
    )
    return render(request, "people/password.html", {"person": user, "password": password})


def device_add(request: PageRequest, user_id: int) -> HttpResponse:
    """Add where somebody can be called."""
    form = DeviceForm(request.POST)
    if form.is_valid():
        with form.refusals():
            agents.add_device(
                account=request.account,
                user_id=user_id,
                kind=DeviceKind(form.cleaned_data["kind"]),
                address=form.cleaned_data["address"],
                actor=request.actor,
                now=request.now,
            )
            return _back_to(request, user_id)
    return _person_page(request, user_id, form)


def device_default(request: PageRequest, user_id: int, device_id: int) -> HttpResponse:
    """Call somebody on this device from the next Start on."""
    agents.set_default_device(
        account=request.account,
        user_id=user_id,
        device_id=device_id,
        actor=request.actor,
        now=request.now,
    )
    return _back_to(request, user_id)


def device_remove(request: PageRequest, user_id: int, device_id: int) -> HttpResponse:
    """Call somebody on this device no more."""
    agents.remove_device(
        account=request.account,
        user_id=user_id,
        device_id=device_id,
        actor=request.actor,
        now=request.now,
    )
    return _back_to(request, user_id)


def device_secret(request: PageRequest, user_id: int, device_id: int) -> HttpResponse:
    """Ask whether a desk phone shall get a new secret, and show it this once."""
    row = queries.user_row(request.account, user_id)
    phones = {one.id for one in row.called_on if one.kind == DeviceKind.SIP}
    if device_id not in phones:
        raise NotFoundError(f"{row.name} has no desk phone {device_id}.")
    issued = None
    if request.method == "POST":
        issued = agents.issue_phone_secret(
            account=request.account,
            user_id=user_id,
            device_id=device_id,
            actor=request.actor,
            now=request.now,
        )
    return render(request, "people/device_secret.html", {"person": row, "issued": issued})


def _back_to(request: PageRequest, user_id: int) -> HttpResponse:
    if user_id == request.user.pk:
        return redirect("profile")
    return redirect("person", user_id)


_P = Permission
_PERSON: Final = "people/<int:user_id>/"
ROUTES: Final = (
    Route("people/", "people", index, _P.VIEW_PEOPLE),
    Route("people/new/", "invite", invite, _P.MANAGE_AGENTS, FORM),
    Route("profile/", "profile", profile, Open.SIGNED_IN),
    Route(_PERSON, "person", person, _P.VIEW_PEOPLE),
    Route(f"{_PERSON}rename/", "person_rename", rename, _P.EDIT_OWN_PROFILE, WRITE),
    Route(f"{_PERSON}role/", "person_role", change_role, _P.CHANGE_ROLES, WRITE),
    Route(f"{_PERSON}active/", "person_active", set_active, _P.MANAGE_AGENTS, FORM),
    Route(f"{_PERSON}password/", "person_password", reset_password, _P.MANAGE_AGENTS, WRITE),
    Route(f"{_PERSON}devices/", "device_add", device_add, _P.EDIT_OWN_PROFILE, WRITE),
    Route(
        f"{_PERSON}devices/<int:device_id>/default/",
        "device_default",
        device_default,
        _P.EDIT_OWN_PROFILE,
        WRITE,
    ),
    Route(
        f"{_PERSON}devices/<int:device_id>/remove/",
        "device_remove",
        device_remove,
        _P.EDIT_OWN_PROFILE,
        WRITE,
    ),
    Route(
        f"{_PERSON}devices/<int:device_id>/secret/",
        "device_secret",
        device_secret,
        _P.MANAGE_SIP_SECRETS,
        FORM,
    ),
)
