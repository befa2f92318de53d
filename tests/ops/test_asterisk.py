"""The node: what it lets in, what it sends out, and how it survives."""

from __future__ import annotations

import http.client
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autodialer.ops.asterisk.config import Instance, Node, node_files
from autodialer.ops.asterisk.install import asterisk_argv, install, is_installed
from autodialer.ops.asterisk.run import Ari, Asterisk
from autodialer.ops.errors import AsteriskUnavailableError
from autodialer.ops.paths import Paths
from autodialer.ops.process import wait_until
from tests.support import stack
from tests.support.ari import CALLER_ID, session
from tests.support.stack import AsteriskPair

pytestmark = pytest.mark.asterisk

NODE = Node(
    instance=Instance(Path("/opt/pbx"), Path("/srv/node"), Path("/srv/run"), sip_port=5060),
    http_port=8088,
    ari_password="p" * 32,
    trunk_host="sip.example.net",
    trunk_port=5060,
)


@pytest.fixture
def trunk() -> Iterator[socket.socket]:
    """The bare UDP port of a carrier that reads what is sent to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", 0))
        port.settimeout(5)
        yield port


@pytest.fixture
def node(tmp_path: Path, trunk: socket.socket) -> Iterator[Asterisk]:
    paths = Paths.below(tmp_path / "var", asterisk_prefix=stack.asterisk_prefix())
    with stack.node_on(paths, trunk_port=trunk.getsockname()[1]) as running:
        yield running


def invite(source: socket.socket, node: Asterisk, called: str) -> str:
    """Call the node from a port and return its final answer's first line."""
    host, port = source.getsockname()
    media = f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    media += "m=audio 40000 RTP/AVP 0\r\n"
    source.sendto(
        f"INVITE sip:{called}@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{time.monotonic_ns()}\r\n"
        f"From: <sip:stranger@{host}>;tag=1\r\nTo: <sip:{called}@127.0.0.1>\r\n"
        f"Call-ID: {time.monotonic_ns()}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
        f"Contact: <sip:x@{host}:{port}>\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {len(media)}\r\n\r\n{media}".encode(),
        ("127.0.0.1", node.instance.sip_port),
    )
    while True:
        line = source.recv(4096).decode().split("\r\n", 1)[0]
        if not line.startswith("SIP/2.0 1"):
            return line


def ari_of(node: Asterisk) -> Ari:
    assert node.ari is not None
    return node.ari


def test_the_caller_id_goes_out_as_given(node: Asterisk, trunk: socket.socket) -> None:
    with session(ari_of(node)) as ari:
        ari.originate("c0000001", "+911200000001", "customer")
        sent = trunk.recv(4096).decode()
    assert sent.startswith("INVITE sip:+911200000001@127.0.0.1")
    assert re.search(rf"^From: .*<sip:{re.escape(CALLER_ID)}@", sent, re.MULTILINE)
    assert re.search(rf"^P-Asserted-Identity: .*<sip:{re.escape(CALLER_ID)}@", sent, re.MULTILINE)
    assert re.search(r"^Session-Expires: 300", sent, re.MULTILINE)
    assert "m=audio" in sent
    assert "c=IN IP4 127.0.0.1" in sent


def test_nobody_can_call_in(node: Asterisk, trunk: socket.socket) -> None:
    assert invite(trunk, node, "+911200000001") == "SIP/2.0 603 Decline"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.settimeout(5)
        assert invite(stranger, node, "+911200000001") == "SIP/2.0 401 Unauthorized"


def test_ari_needs_its_password_and_listens_on_loopback_only(node: Asterisk) -> None:
    ari = ari_of(node)
    connection = http.client.HTTPConnection("127.0.0.1", ari.port, timeout=5)
    connection.request("GET", "/ari/channels")
    assert connection.getresponse().status == http.client.UNAUTHORIZED
    connection.close()
    listening = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout
    addresses = {row.split()[3] for row in listening.splitlines() if f":{ari.port} " in row}
    assert addresses == {f"127.0.0.1:{ari.port}"}


def test_files_with_secrets_are_for_this_user_alone(node: Asterisk) -> None:
    found = [*node.instance.etc.iterdir(), node.instance.sockets, node.instance.folder]
    assert [path for path in found if path.stat().st_mode & 0o077] == []


def test_it_starts_again_after_kill_9(node: Asterisk) -> None:
    before = node.pid
    node.kill()
    assert node.pid is None
    assert not node.is_ready()
    node.start()
    assert node.pid != before
    assert node.rss_bytes > 1_000_000
    node.trim_memory()


def test_two_never_run_in_one_folder(node: Asterisk) -> None:
    assert node.ari is not None
    second = Asterisk("second", node.instance, {}, node.instance.folder, node.ari)
    with pytest.raises(AsteriskUnavailableError, match="stop that one first"):
        second.start(deadline_s=0.2)
    assert node.is_ready()
    node.kill()
    node.start(deadline_s=10)


def test_a_failed_start_shows_the_log(tmp_path: Path) -> None:
    paths = Paths.below(tmp_path / "var", asterisk_prefix=stack.asterisk_prefix())
    nowhere = Asterisk(
        "broken", stack.instance(paths, "node"), {"asterisk.conf": "[nonsense"}, paths.log, None
    )
    with pytest.raises(AsteriskUnavailableError, match="broken"):
        nowhere.start(deadline_s=2)
    assert nowhere.pid is None


def test_a_customer_who_answers_during_a_restart_of_the_dialer_is_kept(pair: AsteriskPair) -> None:
    number = "+911299999901"
    with session(pair.ari) as ari:
        ari.originate("c0000002", number, "customer")
        ari.wait_for("ChannelStateChange", "c0000002")
    # No dialer is connected while the customer answers.
    channels = "core show channels concise"
    wait_until(lambda: "!Wait!" in pair.node.cli(channels), 20, "the customer waits for the dialer")
    with session(pair.ari) as ari:
        assert ari.wait_for("StasisStart", "c0000002", 3)["args"] == ["customer"]
        ari.request("DELETE", "channels/c0000002")
        ari.wait_for("ChannelDestroyed", "c0000002")


def test_a_call_ends_at_its_longest_duration(pair: AsteriskPair) -> None:
    with session(pair.ari) as ari:
        ari.originate("c0000003", "+911299999801", "customer", MAX_CALL="1")
        ari.wait_for("StasisStart", "c0000003")
        answered = time.monotonic()
        ari.wait_for("ChannelDestroyed", "c0000003", 5)
    assert 0.8 < time.monotonic() - answered < 2


def test_a_call_without_recording_writes_no_file(pair: AsteriskPair) -> None:
    with session(pair.ari) as ari:
        ari.originate("c0000004", "+911299999700", "customer")
        ari.wait_for("ChannelDestroyed", "c0000004")
    spool = pair.paths.asterisk_node / "spool"
    assert [path for path in spool.rglob("*") if path.is_file()] == []


def test_an_installed_asterisk_is_not_fetched_again(tmp_path: Path) -> None:
    prefix = stack.asterisk_prefix()
    assert is_installed(prefix)
    install(prefix, environ={"AUTODIALER_DEBIAN_MIRROR": "http://127.0.0.1:9/nowhere"})
    version = subprocess.run(
        asterisk_argv(prefix, "-V"), capture_output=True, text=True, check=True
    ).stdout
    assert version.startswith("Asterisk 22.")
    assert not is_installed(tmp_path)


def test_a_mirror_that_does_not_answer_leaves_nothing_behind(tmp_path: Path) -> None:
    nowhere = {"AUTODIALER_DEBIAN_MIRROR": "http://127.0.0.1:9/nowhere"}
    with pytest.raises(AsteriskUnavailableError, match="AUTODIALER_DEBIAN_MIRROR"):
        install(tmp_path / "prefix", environ=nowhere)
    assert list(tmp_path.iterdir()) == []


def test_no_door_is_open_that_is_not_used() -> None:
    files = node_files(NODE)
    assert "enabled=no" in files["manager.conf"]
    assert "bindaddr=127.0.0.1" in files["http.conf"]
    assert "autoload=no" in files["modules.conf"]
    assert "[default]\n\n" in files["extensions.conf"]
    assert "type=identify\nendpoint=trunk\nmatch=sip.example.net:5060\n" in files["pjsip.conf"]
    assert "anonymous]" not in files["pjsip.conf"]


@pytest.mark.parametrize("host", ["a b", "h\n[evil]", "h;x", ""])
def test_a_host_that_would_change_the_file_is_refused(host: str) -> None:
    with pytest.raises(AsteriskUnavailableError, match="host name"):
        replace(NODE, trunk_host=host)


def test_a_folder_or_password_that_would_change_the_file_is_refused() -> None:
    with pytest.raises(AsteriskUnavailableError, match="folders"):
        replace(NODE.instance, folder=Path("/srv/a;b"))
    with pytest.raises(AsteriskUnavailableError, match="password"):
        replace(NODE, ari_password="short")
