"""Groups of agents and the devices on which agents are called."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.db.models import Q

from autodialer.apps.accounts.models import Account, User
from autodialer.apps.choices import one_of
from autodialer.domain.people import DeviceKind

__all__ = ["AgentDevice", "DeviceKind", "Group", "GroupMember"]

# An `a` and 80 random bits.
ACCOUNT_NAME: Final = r"^a[0-9a-f]{20}$"


class Group(models.Model):
    """A set of agents; membership counts at once, also while campaigns run."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=100)
    members = models.ManyToManyField(User, through="GroupMember", related_name="dialer_groups")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="group_name_is_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class GroupMember(models.Model):
    """An agent in a group."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            # Also the index of the claim's question whether the agent still takes part.
            models.UniqueConstraint(fields=["group", "user"], name="group_member_is_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.group_id}"


class AgentDevice(models.Model):
    """Where an agent is called. `address` is E.164 for phones, else the name of a SIP account."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="devices")
    kind = models.CharField(max_length=10)
    address = models.CharField(max_length=64)
    is_default = models.BooleanField(default=True)
    # Of a SIP account: the digest of its secret (ports.phones), "" until one was issued.
    digest = models.CharField(max_length=32, blank=True, db_default="")
    # Since when the dialer sees it registered.
    registered_at = models.DateTimeField(null=True)
    # At which node it is registered; no key, because calls depend on agents and not the reverse.
    registered_node = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            one_of("kind", DeviceKind, name="device_kind_is_known"),
            # One account, one agent: whoever registers under a name is called by it.
            models.UniqueConstraint(
                fields=["address"], condition=~Q(kind="phone"), name="device_account_is_once"
            ),
            # Its name becomes part of what is dialled: nothing that could mean more than a name.
            models.CheckConstraint(
                condition=Q(kind="phone", digest="", registered_at__isnull=True)
                | ~Q(kind="phone") & Q(address__regex=ACCOUNT_NAME),
                name="device_account_has_our_name",
            ),
            models.UniqueConstraint(fields=["user", "kind", "address"], name="device_is_once"),
            models.UniqueConstraint(
                fields=["user"], condition=Q(is_default=True), name="device_one_default"
            ),
        ]
        indexes = [
            # Whether a node that does not answer has phones.
            models.Index(
                fields=["registered_node"],
                condition=Q(registered_node__isnull=False),
                name="device_of_node",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.address}"
