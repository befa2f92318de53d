"""Who is told what by `/livez`, `/readyz` and `/metrics`."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, cast

import pytest

from autodialer.adapters.monitor.app import Monitor
from autodialer.ports.health import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asgiref.typing import ASGIReceiveCallable, HTTPScope

WELL = (Part("database"), Part("schema"))
AWAY = (Part("database", "PostgreSQL does not answer (TimeoutError)"), Part("lease"))
FOREIGN = "198.51.100.7"
WATCHERS = (ip_network("10.4.0.0/16"), ip_network("fd00::/8"))


async def ask(
    path: str,
    parts: Sequence[Part] = WELL,
    *,
    method: str = "GET",
    client: str | None = "127.0.0.1",
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> tuple[int, dict[str, str], Any]:
    async def health() -> Sequence[Part]:
        return parts

    async def metrics() -> tuple[bytes, str]:
        return b"autodialer_build_info 1", "text/plain; version=0.0.4"

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": list(headers),
        "client": None if client is None else (client, 40_000),
    }
    monitor = Monitor(health, metrics, WATCHERS)
    await monitor.serve(cast("HTTPScope", scope), cast("ASGIReceiveCallable", None), send)
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    body = sent[1]["body"]
    is_json = "json" in told["content-type"]
    return sent[0]["status"], told, json.loads(body) if is_json and body else body


async def test_a_process_that_turns_is_live_whatever_else_does_not_work() -> None:
    status, _, body = await ask("/livez", AWAY, client=FOREIGN)
    assert (status, body) == (200, {"status": "live"})


async def test_what_is_not_ready_is_named_in_a_problem_and_nothing_more() -> None:
    status, told, body = await ask("/readyz", AWAY, client=FOREIGN)
    assert (status, told["content-type"]) == (503, "application/problem+json")
    assert (body["code"], body["status"], body["parts"]) == ("not_ready", 503, ["database"])
    assert "Timeout" not in json.dumps(body)


async def test_ready_is_told_to_anybody_with_nothing_to_read_out_of_it() -> None:
    status, told, body = await ask("/readyz", client=FOREIGN)
    assert (status, body) == (200, {"status": "ready", "parts": []})
    assert told["cache-control"] == "no-store"


async def test_this_machine_is_told_why() -> None:
    _, _, body = await ask("/readyz?verbose", AWAY)
    assert body["parts"] == {"database": AWAY[0].trouble, "lease": "ok"}


INSIDERS = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.4.9.9", "fd12::1"]
OUTSIDERS = [FOREIGN, "10.5.0.1", "::ffff:198.51.100.7", "2001:db8::1", "", "unix:", None]


@pytest.mark.parametrize("path", ["/metrics", "/readyz?verbose"])
@pytest.mark.parametrize("client", INSIDERS)
async def test_this_machine_and_the_networks_of_the_setting_may_watch(
    path: str, client: str
) -> None:
    status, _, _ = await ask(path, client=client)
    assert status == 200


@pytest.mark.parametrize("path", ["/metrics", "/readyz?verbose"])
@pytest.mark.parametrize("client", OUTSIDERS)
async def test_nobody_else_may_watch(path: str, client: str | None) -> None:
    status, _, body = await ask(path, client=client)
    assert (status, body["code"]) == (403, "not_allowed")


@pytest.mark.parametrize("header", [b"x-forwarded-for", b"forwarded", b"x-real-ip"])
@pytest.mark.parametrize("path", ["/metrics", "/readyz?verbose"])
async def test_who_asks_over_a_proxy_on_this_machine_is_not_this_machine(
    path: str, header: bytes
) -> None:
    status, _, _ = await ask(path, headers=[(header, b"127.0.0.1")])
    assert status == 403


async def test_metrics_are_text_for_prometheus() -> None:
    status, told, body = await ask("/metrics")
    assert (status, told["content-type"]) == (200, "text/plain; version=0.0.4")
    assert body == b"autodialer_build_info 1"


async def test_a_head_has_the_length_and_no_body() -> None:
    status, told, body = await ask("/livez", method="HEAD")
    assert (status, told["content-length"], body) == (200, "17", b"")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_nothing_can_be_changed_there(path: str) -> None:
    status, told, _ = await ask(path, method="POST")
    assert (status, told["allow"]) == (405, "GET, HEAD")
