from __future__ import annotations

import struct
from pathlib import Path

import pytest
from bench.wire import Handoffs, ends_between, handoffs, percentile, read_capture, wire_times

CARRIER, SWITCH = 5070, 5060
NUMBERS = ("919800000001", "919800000002", "919800000003")


def frame(source: int, target: int, payload: str) -> bytes:
    udp = struct.pack(">HHHH", source, target, 8 + len(payload), 0) + payload.encode()
    ip = bytes([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0]) + bytes(8)
    return bytes(12) + b"\x08\x00" + ip + udp


def invite(number: str) -> bytes:
    return frame(SWITCH, CARRIER, f"INVITE sip:+{number}@127.0.0.1 SIP/2.0\r\n\r\n")


def bye(number: str) -> bytes:
    text = f"BYE sip:x SIP/2.0\r\nTo: <sip:+911@y>\r\nFrom: <sip:+{number}@127.0.0.1>;tag=1\r\n\r\n"
    return frame(CARRIER, SWITCH, text)


def reply(number: str, status: str, method: str) -> bytes:
    head = f"SIP/2.0 {status}\r\nFrom: <sip:+911@y>\r\nTo: <sip:+{number}@127.0.0.1>\r\n"
    return frame(CARRIER, SWITCH, f"{head}CSeq: 7 {method}\r\n\r\n")


def capture(file: Path, *frames: tuple[float, bytes]) -> Path:
    """Write a capture as tcpdump does on this machine: little-endian, microseconds."""
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
    for at, body in frames:
        micros = round(at * 1e6)
        data += struct.pack("<IIII", micros // 10**6, micros % 10**6, len(body), len(body)) + body
    file.write_bytes(data)
    return file


def test_a_gap_runs_from_the_carriers_bye_to_the_next_invite_of_the_same_agent(
    tmp_path: Path,
) -> None:
    first, other, second = NUMBERS
    file = capture(
        tmp_path / "sip.pcap",
        (10.0, invite(first)),
        (11.0, bye(first)),
        (11.002, invite(other)),
        (11.005, invite(second)),
    )
    times = wire_times(read_capture(file), CARRIER)
    found = handoffs(times, [[first, second], [other]], since=10.0, until=12.0)
    assert found.missing == 0
    assert found.gaps_ms == pytest.approx([5.0])


@pytest.mark.parametrize("status", ["486 Busy Here", "503 Service Unavailable", "302 Moved"])
def test_a_final_refusal_of_the_invite_ends_a_call(tmp_path: Path, status: str) -> None:
    number = NUMBERS[0]
    file = capture(
        tmp_path / "sip.pcap", (1.0, invite(number)), (2.0, reply(number, status, "INVITE"))
    )
    assert wire_times(read_capture(file), CARRIER).ended == {number: 2.0}


@pytest.mark.parametrize(
    "message",
    [
        reply(NUMBERS[0], "180 Ringing", "INVITE"),
        reply(NUMBERS[0], "200 OK", "INVITE"),
        reply(NUMBERS[0], "481 Call Does Not Exist", "BYE"),
    ],
)
def test_no_other_answer_ends_a_call(tmp_path: Path, message: bytes) -> None:
    file = capture(tmp_path / "sip.pcap", (1.0, message))
    assert wire_times(read_capture(file), CARRIER).ended == {}


def test_only_the_first_copy_of_a_retransmitted_message_counts(tmp_path: Path) -> None:
    number = NUMBERS[0]
    copies = [(at, message) for at in (1.0, 1.5) for message in (invite(number), bye(number))]
    times = wire_times(read_capture(capture(tmp_path / "sip.pcap", *copies)), CARRIER)
    assert times.invited == {number: 1.0}
    assert times.ended == {number: 1.0}


def test_messages_of_other_ports_and_half_a_record_at_the_end_are_left_out(tmp_path: Path) -> None:
    elsewhere = frame(SWITCH, 9, f"INVITE sip:+{NUMBERS[0]}@127.0.0.1 SIP/2.0\r\n\r\n")
    file = capture(tmp_path / "sip.pcap", (1.0, elsewhere), (2.0, invite(NUMBERS[1])))
    file.write_bytes(file.read_bytes()[:-3])
    datagrams = list(read_capture(file))
    assert [datagram.target_port for datagram in datagrams] == [9]
    assert wire_times(datagrams, CARRIER).invited == {}


def test_a_file_that_is_no_capture_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "sip.pcap"
    file.write_bytes(b"hello")
    with pytest.raises(ValueError, match="not a pcap"):
        list(read_capture(file))


def test_an_end_that_no_call_follows_is_counted_and_not_forgotten(tmp_path: Path) -> None:
    first, second, _ = NUMBERS
    times = wire_times(read_capture(capture(tmp_path / "sip.pcap", (1.0, bye(first)))), CARRIER)
    assert handoffs(times, [[first, second]], 0.0, 9.0) == Handoffs((), missing=1, idle=0)


def test_an_agent_of_whom_no_call_ended_in_the_window_is_counted(tmp_path: Path) -> None:
    first, second, third = NUMBERS
    ends = [(1.0, bye(first)), (5.0, bye(second))]
    times = wire_times(read_capture(capture(tmp_path / "sip.pcap", *ends)), CARRIER)
    assert handoffs(times, [[first], [second], [third], []], 0.0, 2.0).idle == 3


def test_the_window_holds_the_ends_from_its_first_instant_and_not_its_last(tmp_path: Path) -> None:
    first, second, third = NUMBERS
    ends = [(1.0, bye(first)), (2.0, bye(second)), (3.0, bye(third))]
    times = wire_times(read_capture(capture(tmp_path / "sip.pcap", *ends)), CARRIER)
    assert ends_between(times, 1.0, 3.0) == 2
    assert handoffs(times, [list(NUMBERS)], 1.0, 2.0).missing == 1


def test_a_call_placed_before_the_last_one_ended_is_an_error(tmp_path: Path) -> None:
    first, second, _ = NUMBERS
    file = capture(tmp_path / "sip.pcap", (1.0, invite(second)), (2.0, bye(first)))
    with pytest.raises(ValueError, match="before"):
        handoffs(wire_times(read_capture(file), CARRIER), [[first, second]], 0.0, 9.0)


@pytest.mark.parametrize(
    ("percent", "expected"), [(1, 1.0), (50, 50.0), (95, 95.0), (99, 99.0), (100, 100.0)]
)
def test_a_percentile_is_the_nearest_rank(percent: int, expected: float) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], percent) == expected


def test_each_percentile_of_one_value_is_that_value() -> None:
    assert {percentile([7.0], percent) for percent in (1, 50, 99)} == {7.0}


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)
