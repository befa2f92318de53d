from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from autodialer.domain.web_address import OWN_PORTS, USUAL_PORTS
from autodialer.ops.env import SettingError
from autodialer.ops.outbound import outbound_rules


def test_nothing_is_open_unless_the_operator_says_so() -> None:
    rules = outbound_rules({})
    assert (rules.networks, rules.services, rules.ports) == (frozenset(), frozenset(), USUAL_PORTS)
    assert not rules.allow_http
    assert rules.own_hosts == frozenset()
    assert rules.own_ports >= OWN_PORTS | {8000}


def test_networks_services_and_ports_are_read() -> None:
    rules = outbound_rules(
        {
            "AUTODIALER_OUTBOUND_ALLOW": "10.1.0.0/16, 127.0.0.1:9000 ,[fd12::1]:443,fd12::/64",
            "AUTODIALER_OUTBOUND_PORTS": "9443, 8081",
        }
    )
    assert rules.networks == {ip_network("10.1.0.0/16"), ip_network("fd12::/64")}
    assert rules.services == {(ip_address("127.0.0.1"), 9000), (ip_address("fd12::1"), 443)}
    assert rules.ports == USUAL_PORTS | {9443, 8081}


def test_what_is_our_own_is_known_from_its_settings() -> None:
    rules = outbound_rules(
        {
            "AUTODIALER_PUBLIC_URL": "https://dialer.example.org/",
            "AUTODIALER_DATABASE_URL": "postgresql://app:secret@10.0.0.9:6432/dialer",
            "AUTODIALER_ARI_PORT": "18088",
            "AUTODIALER_WEB_PORT": "8080",
            "AUTODIALER_METRICS_PORT": "9100",
        }
    )
    assert rules.own_hosts == {"dialer.example.org"}
    assert rules.own_ports >= {6432, 18088, 8080, 9100, 5432}


@pytest.mark.parametrize(
    "allowed",
    [
        "10.1.0.1/16",  # an address with a mask is a slip of the pen
        "0.0.0.0/0",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "8.8.8.0/24",
        "172.0.0.0/8",
        "::/0",
        "fe80::/10",
        "127.0.0.1",
        "localhost:9000",
        "169.254.169.254:80",
        "8.8.8.8:22",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:٣",
        "127.0.0.1:5432",
    ],
)
def test_what_cannot_be_opened_stops_the_program(allowed: str) -> None:
    with pytest.raises(SettingError, match="AUTODIALER_OUTBOUND_ALLOW"):
        outbound_rules({"AUTODIALER_OUTBOUND_ALLOW": allowed})


@pytest.mark.parametrize("ports", ["0", "x", "8081-8090", "70000", "9" * 5_000])
def test_ports_that_are_none_stop_the_program(ports: str) -> None:
    with pytest.raises(SettingError, match="AUTODIALER_OUTBOUND_PORTS"):
        outbound_rules({"AUTODIALER_OUTBOUND_PORTS": ports})
