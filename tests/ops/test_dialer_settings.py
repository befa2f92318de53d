"""What the environment may say of leases: no value gives up nodes that live."""

from __future__ import annotations

from datetime import timedelta

import pytest

from autodialer.ops.dialer import dialer_settings
from autodialer.ops.env import SettingError

DATABASE = {"AUTODIALER_DATABASE_URL": "postgresql:///nowhere"}


@pytest.mark.parametrize(
    ("lease", "lost"), [("10", "0"), ("10", "19.9"), ("60", "30"), ("15.1", "30")]
)
def test_a_node_is_not_given_up_sooner_than_after_two_leases(lease: str, lost: str) -> None:
    given = {"AUTODIALER_LEASE_SECONDS": lease, "AUTODIALER_NODE_LOST_SECONDS": lost}
    with pytest.raises(SettingError, match=r"AUTODIALER_NODE_LOST_SECONDS .* twice"):
        dialer_settings({**DATABASE, **given})


@pytest.mark.parametrize("lease", ["0", "0.9"])
def test_a_lease_that_no_request_can_keep_is_refused(lease: str) -> None:
    with pytest.raises(SettingError, match="AUTODIALER_LEASE_SECONDS"):
        dialer_settings({**DATABASE, "AUTODIALER_LEASE_SECONDS": lease})


def test_a_lease_and_its_double_are_taken() -> None:
    given = {"AUTODIALER_LEASE_SECONDS": "2.5", "AUTODIALER_NODE_LOST_SECONDS": "5"}
    settings = dialer_settings({**DATABASE, **given})
    assert (settings.lease_ttl, settings.node_lost) == (
        timedelta(seconds=2.5),
        timedelta(seconds=5),
    )
