from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from autodialer.domain.errors import InvalidInputError
from autodialer.domain.web_address import OutboundRules, may_connect, read_url
from tests.support.addresses import REFUSED

RULES = OutboundRules(allow_http=True, own_hosts=frozenset({"dialer.example"}))


def allow(*networks: str, services: tuple[tuple[str, int], ...] = ()) -> OutboundRules:
    return replace(
        RULES,
        networks=frozenset(map(ip_network, networks)),
        services=frozenset((ip_address(host), port) for host, port in services),
    )


@pytest.mark.parametrize(("url", "code"), REFUSED)
def test_what_must_never_be_opened_is_refused_by_its_text(url: str, code: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_url(url, RULES, "popup_url")
    assert (refused.value.code, refused.value.field) == (code, "popup_url")


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://crm.example.com", ("https", "crm.example.com", 443, "/")),
        ("HTTPS://CRM.Example.com./a?b", ("https", "crm.example.com", 443, "/a?b")),
        (
            "http://crm.example.com:8080?k=a%20b&n={{n}}#top",
            ("http", "crm.example.com", 8080, "/?k=a%20b&n={{n}}"),
        ),
        ("https://crm.example.com:/x?", ("https", "crm.example.com", 443, "/x?")),
        ("https://8.8.8.8/é?ü", ("https", "8.8.8.8", 443, "/%C3%A9?%C3%BC")),
        ("https://[2606:4700:4700::1111]:8443/", ("https", "2606:4700:4700::1111", 8443, "/")),
        ("https://[64:ff9b::808:808]/", ("https", "64:ff9b::808:808", 443, "/")),
        ("https://169.254.169.254.nip.io/", ("https", "169.254.169.254.nip.io", 443, "/")),
    ],
)
def test_an_address_is_taken_apart_and_its_query_kept(
    url: str, parts: tuple[str, str, int, str]
) -> None:
    found = read_url(url, RULES, "url")
    assert (found.scheme, found.host, found.port, found.target) == parts


def test_the_host_header_names_the_port_unless_it_is_the_usual_one() -> None:
    urls = ["https://a.example/", "https://a.example:8443/", "http://[2606:4700::1]:443/"]
    assert [read_url(url, RULES, "url").authority for url in urls] == [
        "a.example",
        "a.example:8443",
        "[2606:4700::1]:443",
    ]


def test_an_address_without_tls_needs_the_accounts_leave() -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_url("http://crm.example.com/", OutboundRules(), "url")
    assert refused.value.code == "url_needs_tls"
    read_url("https://crm.example.com/", OutboundRules(), "url")


def test_2_048_characters_are_enough_and_2_049_too_many() -> None:
    url = "https://example.com/" + "x" * 2_028
    read_url(url, RULES, "url")
    with pytest.raises(InvalidInputError) as refused:
        read_url(url + "x", RULES, "url")
    assert refused.value.code == "url_too_long"


PRIVATE = ["10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd12::1"]
NEVER = [
    "127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1",
    "0.0.0.0", "0.1.2.3", "::", "169.254.169.254", "169.254.1.1", "fe80::1", "fec0::1",  # noqa: S104  an address, not a place to listen
    "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "ff02::1", "::ffff:224.0.0.1",
    "198.18.0.1", "192.0.0.8", "192.0.0.9", "192.0.2.1", "192.88.99.1", "2001:db8::1", "3fff::1",
    "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254", "::ffff:100.100.100.200",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::", "2001::1",
    "2001:20::1", "5f00::1", "100::1",
]  # fmt: skip
EVERYTHING_PRIVATE = allow(
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"
)


@pytest.mark.parametrize("address", NEVER)
def test_what_is_neither_public_nor_a_private_network_is_refused_whatever_is_allowed(
    address: str,
) -> None:
    assert not may_connect(ip_address(address), 443, RULES)
    assert not may_connect(ip_address(address), 443, EVERYTHING_PRIVATE)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_network_needs_the_operators_leave(address: str) -> None:
    found = ip_address(address)
    assert not may_connect(found, 443, RULES)
    assert may_connect(found, 443, EVERYTHING_PRIVATE)
    assert not may_connect(found, 9000, EVERYTHING_PRIVATE)


@pytest.mark.parametrize("port", [5432, 8088, 5038])
def test_a_port_of_our_own_is_refused_inside_whatever_is_allowed(port: int) -> None:
    rules = replace(
        allow("10.0.0.0/8", services=(("10.0.0.5", port), ("127.0.0.1", port))),
        ports=frozenset({443, port}),
    )
    assert not may_connect(ip_address("10.0.0.5"), port, rules)
    assert not may_connect(ip_address("127.0.0.1"), port, rules)
    assert may_connect(ip_address("8.8.8.8"), port, rules)


def test_a_service_on_this_machine_opens_its_own_port_and_nothing_else() -> None:
    rules = allow(services=(("127.0.0.1", 9000),))
    assert may_connect(ip_address("127.0.0.1"), 9000, rules)
    assert may_connect(ip_address("::ffff:127.0.0.1"), 9000, rules)
    for address, port in [
        ("127.0.0.1", 443),
        ("127.0.0.1", 9001),
        ("127.0.0.2", 9000),
        ("::1", 9000),
    ]:
        assert not may_connect(ip_address(address), port, rules)
    read_url("http://127.0.0.1:9000/next", rules, "url")


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "224.0.0.1", "100.100.100.200"])
def test_no_service_may_be_link_local_multicast_or_metadata(address: str) -> None:
    assert not may_connect(ip_address(address), 9000, allow(services=((address, 9000),)))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_the_public_internet_is_open_on_the_usual_ports(address: str) -> None:
    assert may_connect(ip_address(address), 443, RULES)
    assert not may_connect(ip_address(address), 22, RULES)


def test_an_inside_name_is_accepted_once_a_network_is_open() -> None:
    assert read_url("http://crm.office.lan/", allow("10.0.0.0/8"), "url").host == "crm.office.lan"
