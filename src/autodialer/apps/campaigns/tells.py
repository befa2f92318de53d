"""Who is told of a campaign that a program made: addresses, and a text that is told again."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Final

from autodialer.apps.addresses import check_url, rules_of
from autodialer.apps.campaigns.models import CUSTOM_FIELD_LENGTH, Callbacks
from autodialer.apps.texts import clean_text, storable
from autodialer.domain.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.campaigns.models import Campaign
    from autodialer.domain.web_address import OutboundRules


@dataclass(frozen=True, slots=True)
class Tells:
    """Addresses that hear of each call, each number, and the campaign's start and end.

    "" is nobody; None leaves what is there. `on_answer` and `on_end` are the news of a call that
    its address hears, `content_type` how they are written ("": as always).
    """

    call_url: str | None = None
    number_url: str | None = None
    campaign_url: str | None = None
    custom_field: str | None = None
    on_answer: bool | None = None
    on_end: bool | None = None
    content_type: str | None = None

    def facts(self) -> dict[str, str | bool | None]:
        """Return them by name, for the audit log."""
        return asdict(self)

    def checked(self, rules: OutboundRules) -> dict[str, str | bool]:
        """Return what is given as it is stored. Raises InvalidInputError."""
        found = {name: value for name, value in asdict(self).items() if value is not None}
        for name in _URLS & found.keys():
            found[name] = check_url(found[name], name, rules)
        if self.custom_field is not None:
            found["custom_field"] = _custom_field(self.custom_field)
        return found


NOBODY_IS_TOLD: Final = Tells()
_NOTHING: Final = Tells("", "", "", "", on_answer=False, on_end=True, content_type="")
_URLS: Final = frozenset({"call_url", "number_url", "campaign_url"})


def keep(campaign: Campaign, tells: Tells) -> Tells:
    """Store what is given, in the caller's transaction; return what was there before.

    Raises InvalidInputError.
    """
    checked = tells.checked(rules_of(campaign.account))
    found = Callbacks.objects.select_for_update(no_key=True).filter(campaign=campaign).first()
    before = _of(found) if found else _NOTHING
    if found is None and any(checked.values()):
        Callbacks.objects.create(campaign=campaign, **checked)
    elif found is not None and checked:
        Callbacks.objects.filter(pk=found.pk).update(**checked)
    return before


def tells_of(account: Account, ids: Iterable[int]) -> Mapping[int, Tells]:
    """Return who is told of each of these campaigns; one query."""
    wanted = list(ids)
    found = Callbacks.objects.filter(campaign__account=account, campaign__in=wanted)
    return {**dict.fromkeys(wanted, _NOTHING), **{one.campaign_id: _of(one) for one in found}}


def _of(found: Callbacks) -> Tells:
    return Tells(**{each.name: getattr(found, each.name) for each in fields(Tells)})


def _custom_field(raw: str) -> str:
    if not storable(raw):
        raise InvalidInputError(
            "custom_field", "The custom field holds a character that is no text.", "text_unstorable"
        )
    text = clean_text(raw)
    if len(text) > CUSTOM_FIELD_LENGTH:
        raise InvalidInputError(
            "custom_field",
            f"The custom field is longer than {CUSTOM_FIELD_LENGTH} characters.",
            "too_long",
        )
    return text
