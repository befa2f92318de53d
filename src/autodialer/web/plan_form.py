"""The form of a campaign: every field of its plan, with its default, by the account's clock."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from autodialer.apps.addresses import LONGEST_URL
from autodialer.apps.agents.queries import group_rows, user_names
from autodialer.apps.campaigns.plan import Plan
from autodialer.apps.campaigns.queries import caller_id_rows
from autodialer.apps.campaigns.terms import URLS, Terms
from autodialer.apps.contacts.queries import list_rows
from autodialer.apps.texts import isolated
from autodialer.domain.campaign import MAX_DURATION
from autodialer.domain.outcome import CallStatus
from autodialer.domain.retry import MAX_RETRIES, RetryMechanism
from autodialer.web.forms import DateTimeInput, Form, TimeInput
from autodialer.web.ids import parse_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from autodialer.apps.accounts.models import Account
    from autodialer.web.access import PageRequest

_DEFAULTS: Final = Terms()
_GONE: Final = {"invalid_choice": gettext_lazy("It is not there any more: choose another one.")}
# Of the retry statuses, those of people who may be reached later.
_LIKELY: Final = (CallStatus.BUSY.value, CallStatus.NO_ANSWER.value)
LIMITS: Final = ("window_opens", "window_closes", "ring_timeout_s", "idle_limit_s", "max_talk_s")


def _one(label: Any, **kwargs: Any) -> forms.TypedChoiceField:
    """Return a choice of something that is stored, by its id."""
    return forms.TypedChoiceField(
        label=label, coerce=int, empty_value=None, error_messages=_GONE, **kwargs
    )


def _url(label: Any, help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=False,
        max_length=LONGEST_URL,
        widget=forms.URLInput(attrs={"placeholder": "https://", "autocomplete": "off"}),
    )


def _seconds(label: Any, name: str, help_text: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, initial=getattr(_DEFAULTS, name), help_text=help_text)


class PlanForm(Form):
    """Asks for the plan of a campaign; `plan()` is what was asked for. Services check the rest."""

    named: ClassVar[Mapping[str, str]] = {"window": "window_opens"}
    in_conflict = "name"

    name = forms.CharField(
        label=gettext_lazy("Campaign name"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "data-autofocus": True}),
    )
    dial_numbers = forms.ChoiceField(
        label=gettext_lazy("Dial numbers"),
        choices=[("list", gettext_lazy("A list")), ("url", gettext_lazy("A Dial-Whom URL"))],
        initial="list",
        widget=forms.RadioSelect,
    )
    list = _one(gettext_lazy("List"), required=False)
    dial_whom_url = _url(
        gettext_lazy("Dial-Whom URL"),
        gettext_lazy("It is asked for one number at a time, whenever an agent is free."),
    )
    participants = forms.ChoiceField(
        label=gettext_lazy("Campaign participants"),
        choices=[("group", gettext_lazy("A group")), ("agents", gettext_lazy("Single agents"))],
        initial="group",
        widget=forms.RadioSelect,
    )
    group = _one(
        gettext_lazy("Group"),
        required=False,
        help_text=gettext_lazy("Whoever is added to the group later takes part at once."),
    )
    agents = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Agents"),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages=_GONE,
    )
    caller_id = _one(
        gettext_lazy("Caller id"),
        help_text=gettext_lazy("What customers see; verified numbers only."),
    )
    starts_at = forms.DateTimeField(
        label=gettext_lazy("Start"),
        required=False,
        widget=DateTimeInput(),
        help_text=gettext_lazy("Leave it empty to start now."),
    )
    ends_at = forms.DateTimeField(
        label=gettext_lazy("End"),
        required=False,
        widget=DateTimeInput(),
        help_text=gettext_lazy("Leave it empty for 30 days after the start, the longest."),
    )
    retries = forms.TypedChoiceField(
        label=gettext_lazy("Number of retries"),
        coerce=int,
        choices=[(number, str(number)) for number in range(MAX_RETRIES + 1)],
        initial=_DEFAULTS.retries,
    )
    retry_statuses = forms.MultipleChoiceField(
        label=gettext_lazy("Retry calls with status"),
        choices=[
            (CallStatus.BUSY.value, gettext_lazy("Busy")),
            (CallStatus.NO_ANSWER.value, gettext_lazy("No answer")),
            (CallStatus.FAILED.value, gettext_lazy("Failed")),
        ],
        initial=_LIKELY,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    retry_interval_min = forms.IntegerField(
        label=gettext_lazy("Minutes between tries"), initial=_DEFAULTS.retry_interval_min
    )
    retry_mechanism = forms.ChoiceField(
        label=gettext_lazy("Interval"),
        choices=[
            (RetryMechanism.LINEAR.value, gettext_lazy("Always the same (linear)")),
            (RetryMechanism.EXPONENTIAL.value, gettext_lazy("Doubles each time (exponential)")),
        ],
        initial=_DEFAULTS.retry_mechanism.value,
    )
    popup_url = _url(
        gettext_lazy("Popup URL"),
        gettext_lazy("A link on the agent's page to the customer in your own system."),
    )
    call_completed_url = _url(
        gettext_lazy("Call Completed URL"), gettext_lazy("Told of each call that has ended.")
    )
    call_no_answer_url = _url(
        gettext_lazy("Call No Answer URL"), gettext_lazy("Told of each call that nobody answered.")
    )
    get_contacts_url = _url(
        gettext_lazy("Get Contacts URL"), gettext_lazy("Asked for the details of who is called.")
    )
    window_opens = forms.TimeField(
        label=gettext_lazy("Calls from"), required=False, widget=TimeInput()
    )
    window_closes = forms.TimeField(
        label=gettext_lazy("Calls until"), required=False, widget=TimeInput()
    )
    ring_timeout_s = _seconds(
        gettext_lazy("Ring for (seconds)"), "ring_timeout_s", gettext_lazy("5 to 120.")
    )
    idle_limit_s = _seconds(
        gettext_lazy("Agents wait for at most (seconds)"),
        "idle_limit_s",
        gettext_lazy("10 to 3,600; when no number is due they are released."),
    )
    max_talk_s = _seconds(
        gettext_lazy("Longest talk (seconds)"), "max_talk_s", gettext_lazy("30 to 14,400.")
    )
    copy_again = forms.BooleanField(
        label=gettext_lazy("Copy the list again, as it is now"), required=False
    )

    def __init__(self, request: PageRequest, *args: Any, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_new:
            del self.fields["copy_again"]
        self._offer(request)

    def _offer(self, request: PageRequest) -> None:
        """Fill the choices with what the account has."""
        account = request.account
        lists = [(row.id, row.name) for row in list_rows(account, request.actor)]
        groups = [(row.id, _with_size(row.name, len(row.members))) for row in group_rows(account)]
        verified = [(row.id, row.e164) for row in caller_id_rows(account) if row.verified_at]
        self._choices("list").choices = [("", _("Choose a list")), *lists]
        self._choices("group").choices = [("", _("Choose a group")), *groups]
        self._choices("agents").choices = user_names(account)
        self._choices("caller_id").choices = verified
        hours = f"{account.window_opens:%H:%M} - {account.window_closes:%H:%M}"
        self.fields["window_closes"].help_text = _(
            "Within %(hours)s, the account's hours; empty: all of them."
        ) % {"hours": hours}

    def _choices(self, name: str) -> forms.ChoiceField:
        return cast("forms.ChoiceField", self.fields[name])

    @property
    def chosen_list(self) -> int | None:
        """The list that is chosen at this moment, valid or not: what a preview is about."""
        return parse_id(str(self["list"].value() or ""))

    @property
    def has_more_details(self) -> bool:
        """Whether one of the additional details is set, or wrong: then they are shown."""
        return any(self[name].value() or self[name].errors for name in URLS)

    @property
    def has_limits(self) -> bool:
        """Whether one of the limits differs from its default, or is wrong."""
        return any(
            self[name].errors
            or str(self[name].value() or "") != str(getattr(_DEFAULTS, name) or "")
            for name in LIMITS
        )

    def clean(self) -> dict[str, Any]:
        """Ask for what the chosen kind of numbers and participants needs."""
        cleaned = super().clean() or self.cleaned_data
        kinds = (
            ("dial_numbers", "list", "list", _("Choose a list.")),
            ("dial_numbers", "url", "dial_whom_url", _("Give the address that is asked.")),
            ("participants", "group", "group", _("Choose a group.")),
            ("participants", "agents", "agents", _("Choose at least one agent.")),
        )
        for field, kind, needed, sentence in kinds:
            chosen = cleaned.get(field) == kind
            if chosen and needed in cleaned and not cleaned[needed]:
                self.add_error(needed, sentence)
        return cleaned

    def plan(self) -> Plan:
        """Return what was asked for. What belongs to the other kind is left out."""
        asked = self.cleaned_data
        is_list, is_group = asked["dial_numbers"] == "list", asked["participants"] == "group"
        return Plan(
            name=asked["name"],
            caller_id=asked["caller_id"],
            list_id=asked["list"] if is_list else None,
            dial_whom_url="" if is_list else asked["dial_whom_url"],
            group_id=asked["group"] if is_group else None,
            agent_ids=() if is_group else tuple(asked["agents"]),
            terms=self._terms(),
        )

    def _terms(self) -> Terms:
        asked = self.cleaned_data
        given = {name: asked[name] for name in asdict(_DEFAULTS) if name in asked}
        retried = asked["retry_statuses"] if asked["retries"] else []
        return Terms(
            **{
                **given,
                "retry_statuses": tuple(retried),
                "retry_mechanism": RetryMechanism(asked["retry_mechanism"]),
            }
        )


def initial_of(plan: Plan) -> dict[str, Any]:
    """Return the plan as the form takes it."""
    terms = asdict(plan.terms)
    return {
        **terms,
        "name": plan.name,
        "dial_numbers": "url" if plan.dial_whom_url else "list",
        "list": plan.list_id,
        "dial_whom_url": plan.dial_whom_url,
        "participants": "agents" if plan.group_id is None else "group",
        "group": plan.group_id,
        "agents": list(plan.agent_ids),
        "caller_id": plan.caller_id,
        "retry_statuses": list(plan.terms.retry_statuses) or list(_LIKELY),
    }


def initial_of_copy(plan: Plan, now: datetime) -> dict[str, Any]:
    """Return the plan for another campaign like it, that starts now and lasts as long."""
    terms = plan.terms
    ends_at = None
    if terms.starts_at and terms.ends_at and terms.ends_at - terms.starts_at < MAX_DURATION:
        # Up to the next whole minute: the picker has no seconds.
        ends_at = now + (terms.ends_at - terms.starts_at) + timedelta(minutes=1)
    name = _("%s (copy)") % plan.name[:90]
    return {**initial_of(plan), "name": name, "starts_at": None, "ends_at": ends_at}


def lacks(account: Account) -> bool:
    """Return whether no campaign can be made yet: there is no number to call from."""
    return not any(row.verified_at for row in caller_id_rows(account))


def _with_size(name: str, members: int) -> str:
    sentence = ngettext("%(name)s (%(size)d agent)", "%(name)s (%(size)d agents)", members)
    return sentence % {"name": isolated(name), "size": members}
