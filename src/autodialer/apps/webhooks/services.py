"""Writes to webhook endpoints and their deliveries; with `sql`, the only writers of a status.

What happened is written by triggers (migration 0002), what was tried by the courier.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from django.conf import settings
from django.db import connection, transaction

from autodialer.apps.accounts.actor import Actor
from autodialer.apps.accounts.models import Account, Role, User
from autodialer.apps.accounts.permissions import Permission, require
from autodialer.apps.addresses import check_url, rules_of
from autodialer.apps.audit.services import Subject, record
from autodialer.apps.campaigns.access import visible_campaign
from autodialer.apps.statements import statement
from autodialer.apps.texts import clean_text, storable
from autodialer.apps.versions import require_unchanged
from autodialer.apps.webhooks.lanes import lane_of_endpoint, salt_of_urls
from autodialer.apps.webhooks.models import Delivery, Endpoint, Event
from autodialer.apps.webhooks.queries import delivery_of, endpoint_facts, endpoint_of
from autodialer.domain.errors import ConflictError, InvalidInputError
from autodialer.domain.signing import Keyring
from autodialer.domain.webhooks import (
    FAILING_FOR,
    KEPT_FOR,
    KINDS,
    SECRET_OVERLAP,
    DisabledReason,
    EventKind,
    Purpose,
    Trouble,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

MOST_ENDPOINTS: Final = 20
DESCRIPTION_LENGTH: Final = 200
# Rows that one statement of the housekeeping deletes: none of them is long in the way.
_AT_ONCE: Final = 10_000

# Endpoints -----------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def add_endpoint(
    *,
    account: Account,
    actor: Actor,
    url: str,
    now: datetime,
    kinds: Iterable[str] = (),
    description: str = "",
) -> Endpoint:
    """Make an endpoint that is told of events from now on; no kinds: of all, also later ones.

    Its secret is `show_secret`. Raises NotAllowedError, InvalidInputError, ConflictError when the
    account has as many as it may.
    """
    require(actor, Permission.EDIT_WEBHOOKS)
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    if Endpoint.objects.filter(account=account).count() >= MOST_ENDPOINTS:
        raise ConflictError(f"An account has at most {MOST_ENDPOINTS} endpoints: delete one first.")
    made = Endpoint.objects.create(
        account=account,
        url=_checked_url(account, url),
        description=_checked_description(description),
        kinds=_checked_kinds(kinds),
        salt=_new_salt(),
        created_at=now,
        changed_at=now,
    )
    _audit(made, actor, "add", {}, now)
    return made


@transaction.atomic(durable=True)
def change_endpoint(
    *,
    account: Account,
    actor: Actor,
    endpoint_id: int,
    now: datetime,
    url: str | None = None,
    kinds: Iterable[str] | None = None,
    description: str | None = None,
    seen: str | None = None,
) -> Endpoint:
    """Change an endpoint; what is None stays. What waits is sent to the new address.

    `seen` is the version on which the change is based. Raises NotFoundError, NotAllowedError,
    InvalidInputError, ChangedMeanwhileError.
    """
    found = _locked(account, actor, endpoint_id)
    require_unchanged(endpoint_facts(found), seen)
    before = _facts(found)
    found.url = found.url if url is None else _checked_url(account, url)
    found.description = (
        found.description if description is None else _checked_description(description)
    )
    found.kinds = found.kinds if kinds is None else _checked_kinds(kinds)
    _save(found, ["url", "description", "kinds"], now)
    _audit(found, actor, "change", before, now)
    return found


@transaction.atomic(durable=True)
def enable_endpoint(*, account: Account, actor: Actor, endpoint_id: int, now: datetime) -> Endpoint:
    """Tell an endpoint of what happens from now on; its five days begin anew. Repeatable."""
    found = _locked(account, actor, endpoint_id)
    before = _facts(found)
    if found.disabled_reason:
        found.disabled_reason, found.disabled_at, found.told_at = "", None, None
        found.failing_since, found.failed_at = None, None
        fields = ["disabled_reason", "disabled_at", "told_at", "failing_since", "failed_at"]
        _save(found, fields, now)
        _audit(found, actor, "enable", before, now)
    return found


@transaction.atomic(durable=True)
def disable_endpoint(
    *, account: Account, actor: Actor, endpoint_id: int, now: datetime
) -> Endpoint:
    """Tell an endpoint nothing more; what waits for it fails and can be replayed. Repeatable."""
    found = _locked(account, actor, endpoint_id)
    before = _facts(found)
    if not found.disabled_reason:
        found.disabled_reason, found.disabled_at = DisabledReason.BY_HAND.value, now
        _save(found, ["disabled_reason", "disabled_at"], now)
        _close_lanes([found.pk], Trouble.ENDPOINT_DISABLED, now)
        _audit(found, actor, "disable", before, now)
    return found


@transaction.atomic(durable=True)
def delete_endpoint(*, account: Account, actor: Actor, endpoint_id: int, now: datetime) -> None:
    """Delete an endpoint with its deliveries. Raises NotFoundError, NotAllowedError."""
    found = _locked(account, actor, endpoint_id)
    before = _facts(found)
    _audit(found, actor, "delete", before, now, after={})
    found.delete()


@transaction.atomic(durable=True)
def rotate_secret(*, account: Account, actor: Actor, endpoint_id: int, now: datetime) -> str:
    """Give an endpoint a new secret and return it; for a day the old one signs too.

    Raises NotFoundError, NotAllowedError.
    """
    found = _locked(account, actor, endpoint_id, permission=Permission.SEE_WEBHOOK_SECRETS)
    found.old_salt, found.old_salt_until = found.salt, now + SECRET_OVERLAP
    found.salt = _new_salt()
    _save(found, ["salt", "old_salt", "old_salt_until"], now)
    _audit(found, actor, "rotate_secret", {}, now, after={})
    return keyring().shown(found.salt)


@transaction.atomic(durable=True)
def show_secret(*, account: Account, actor: Actor, endpoint_id: int, now: datetime) -> str:
    """Return the secret of an endpoint, `whsec_...`; that it was shown is audited."""
    found = _locked(account, actor, endpoint_id, permission=Permission.SEE_WEBHOOK_SECRETS)
    _audit(found, actor, "show_secret", {}, now, after={})
    return keyring().shown(found.salt)


@transaction.atomic(durable=True)
def show_url_secret(*, account: Account, actor: Actor, now: datetime) -> str:
    """Return the secret that signs what popup and passthru URLs get; audited."""
    require(actor, Permission.SEE_WEBHOOK_SECRETS)
    record(
        account=account,
        actor=actor,
        action="webhook.show_url_secret",
        subject=Subject("account", account.pk),
        now=now,
    )
    return keyring().shown(salt_of_urls(account.pk))


def keyring() -> Keyring:
    """Return what derives the secrets of this installation."""
    return Keyring(settings.SECRET_KEY.encode())


# Deliveries ----------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def send_test(*, account: Account, actor: Actor, endpoint_id: int, now: datetime) -> Delivery:
    """Send a `webhook.test` to an enabled endpoint, whatever kinds it wants.

    Raises NotFoundError, NotAllowedError, ConflictError when the endpoint is disabled.
    """
    require(actor, Permission.REPLAY_WEBHOOKS)
    found = endpoint_of(account, endpoint_id)
    _check_enabled(found)
    event = Event.objects.create(id=uuid4(), account=account, kind=EventKind.TEST.value, at=now)
    _audit(found, actor, "test", {}, now, after={})
    return Delivery.objects.create(
        event=event,
        account=account,
        purpose=Purpose.WEBHOOK.value,
        endpoint=found,
        lane=lane_of_endpoint(found.pk),
        due_at=now,
    )


@transaction.atomic(durable=True)
def replay_delivery(*, account: Account, actor: Actor, delivery_id: int, now: datetime) -> None:
    """Send a delivery again, with the same id; one that waits is left as it is.

    Raises NotFoundError, NotAllowedError, ConflictError when its endpoint is disabled.
    """
    require(actor, Permission.REPLAY_WEBHOOKS)
    found = delivery_of(account, delivery_id)
    if found.endpoint_id is not None:
        _check_enabled(endpoint_of(account, found.endpoint_id))
    else:
        visible_campaign(account, actor, _campaign_id(found), Permission.REPLAY_WEBHOOKS)
    _send_again(account, found.lane, now, delivery_id=found.pk)
    record(
        account=account,
        actor=actor,
        action="webhook.replay",
        subject=Subject("delivery", found.pk),
        now=now,
    )


@transaction.atomic(durable=True)
def replay_failed(
    *, account: Account, actor: Actor, endpoint_id: int, since: datetime, now: datetime
) -> int:
    """Send again all that failed at an endpoint since then; return how many.

    Raises NotFoundError, NotAllowedError, ConflictError when the endpoint is disabled.
    """
    require(actor, Permission.REPLAY_WEBHOOKS)
    found = endpoint_of(account, endpoint_id)
    _check_enabled(found)
    count = _send_again(account, lane_of_endpoint(found.pk), now, since=since)
    after = {"deliveries": count, "since": since.isoformat()}
    _audit(found, actor, "replay", {}, now, after=after)
    return count


# Housekeeping --------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def disable_failing(*, now: datetime) -> Sequence[int]:
    """Disable the endpoints to which nothing could be delivered for five days; return them."""
    values: dict[str, Any] = {"now": now, "patience": FAILING_FOR}
    with connection.cursor() as cursor:
        cursor.execute(statement("webhooks", "disable_failing"), values)
        return [found for (found,) in cursor.fetchall()]


@transaction.atomic(durable=True)
def close_disabled(*, now: datetime) -> None:
    """Fail what still waits for endpoints that are disabled."""
    disabled = Endpoint.objects.exclude(disabled_reason="").values_list("pk", flat=True)
    _close_lanes(list(disabled), Trouble.ENDPOINT_DISABLED, now)


@transaction.atomic(durable=True)
def note_stopped(*, now: datetime) -> Sequence[tuple[Endpoint, Sequence[str]]]:
    """Audit, once, which endpoints were disabled by themselves; return them, each with its admins.

    The admins' addresses are to be written to.
    """
    stopped = Endpoint.objects.select_for_update(no_key=True).filter(told_at__isnull=True)
    reasons = [DisabledReason.GONE.value, DisabledReason.FAILING.value]
    told = []
    for endpoint in stopped.filter(disabled_reason__in=reasons).select_related("account"):
        endpoint.told_at = now
        endpoint.save(update_fields=["told_at"])
        _audit(endpoint, _COURIER, "disable", {"disabled_reason": ""}, now)
        told.append((endpoint, _admins(endpoint.account)))
    return told


def forget_old(*, now: datetime) -> int:
    """Delete what happened and was delivered long ago; return how many deliveries."""
    values: dict[str, Any] = {"before": now - KEPT_FOR, "limit": _AT_ONCE}
    forgotten = _repeat("forget_deliveries", values)
    _repeat("forget_events", values)
    return forgotten


_COURIER: Final = Actor("webhooks", Role.ADMIN, is_operator=True)


def _repeat(name: str, values: dict[str, Any]) -> int:
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement("webhooks", name), values)
            count = int(cursor.rowcount)
        total += count
        if count < values["limit"]:
            return total


def _admins(account: Account) -> list[str]:
    admins = User.objects.filter(account=account, role=Role.ADMIN.value, is_active=True)
    return list(admins.order_by("pk").values_list("email", flat=True))


def _locked(
    account: Account,
    actor: Actor,
    endpoint_id: int,
    permission: Permission = Permission.EDIT_WEBHOOKS,
) -> Endpoint:
    require(actor, permission)
    endpoint_of(account, endpoint_id)
    return Endpoint.objects.select_for_update(no_key=True).get(pk=endpoint_id)


def _save(found: Endpoint, fields: Sequence[str], now: datetime) -> None:
    found.changed_at = now
    found.save(update_fields=[*fields, "changed_at"])


def _checked_url(account: Account, raw: str) -> str:
    url = check_url(raw, "url", rules_of(account))
    if not url:
        raise InvalidInputError("url", "Give the address that is to be told.", "url_missing")
    return url


def _checked_description(raw: str) -> str:
    text = clean_text(raw)
    if len(text) > DESCRIPTION_LENGTH:
        message = f"The description is longer than {DESCRIPTION_LENGTH} characters."
        raise InvalidInputError("description", message, "too_long")
    if not storable(text):
        message = "The description holds a control character: type it again."
        raise InvalidInputError("description", message, "control_character")
    return text


def _checked_kinds(raw: Iterable[str]) -> list[str]:
    wanted = set(raw)
    if unknown := sorted(wanted - {kind.value for kind in KINDS}):
        message = f"There is no event {unknown[0]}: see the list of events."
        raise InvalidInputError("kinds", message, "kind_unknown")
    return [kind.value for kind in KINDS if kind.value in wanted]


def _check_enabled(found: Endpoint) -> None:
    if found.disabled_reason:
        raise ConflictError("This endpoint is disabled: enable it first.")


def _campaign_id(found: Delivery) -> int:
    return int(found.event.campaign_id or 0)


def _new_salt() -> str:
    return secrets.token_urlsafe(24)


def _send_again(
    account: Account,
    lane: str,
    now: datetime,
    *,
    delivery_id: int | None = None,
    since: datetime | None = None,
) -> int:
    values: dict[str, Any] = {
        "account_id": account.pk,
        "lane": lane,
        "delivery_id": delivery_id,
        "since": since,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("webhooks", "send_again"), values)
        return int(cursor.rowcount)


def _close_lanes(endpoint_ids: Sequence[int], trouble: Trouble, now: datetime) -> None:
    values: dict[str, Any] = {
        "lanes": [lane_of_endpoint(each) for each in endpoint_ids],
        "outcome": trouble.value,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("webhooks", "close_lane"), values)


def _facts(found: Endpoint) -> dict[str, Any]:
    return {**endpoint_facts(found), "disabled_reason": found.disabled_reason}


def _audit(
    found: Endpoint,
    actor: Actor,
    verb: str,
    before: dict[str, Any],
    now: datetime,
    *,
    after: dict[str, Any] | None = None,
) -> None:
    record(
        account=found.account,
        actor=actor,
        action=f"webhook.{verb}",
        subject=Subject("endpoint", found.pk),
        before=before,
        after=_facts(found) if after is None else after,
        now=now,
    )
