from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autodialer.apps.hints import decode, decode_changes, encode, encode_changes
from autodialer.domain.ids import AccountId
from autodialer.ports.screens import Change, Shown
from autodialer.ports.store import PhonesChanged

LARGEST = 2**63 - 1  # of a bigint
numbers = st.integers(1, LARGEST)
changes = st.lists(
    st.builds(Change, numbers.map(AccountId), st.sampled_from(list(Shown)), numbers), max_size=400
)


@given(changes)
def test_what_is_told_is_heard_once(told: list[Change]) -> None:
    heard = [change for payload in encode_changes(told) for change in decode_changes(payload)]
    assert heard == list(dict.fromkeys(told))


def test_a_phone_is_told_by_its_name_and_several_by_none() -> None:
    for told in (PhonesChanged("a0123456789"), PhonesChanged()):
        assert decode(encode(told)) == told
    assert decode('{"kind": "phones"}') == PhonesChanged()  # an older version's


def test_a_payload_stays_below_the_limit_of_notify() -> None:
    told = [Change(AccountId(LARGEST), Shown.CAMPAIGN, LARGEST - n) for n in range(1_000)]
    assert max(len(payload.encode()) for payload in encode_changes(told)) < 8_000


def test_nothing_is_told_of_nothing() -> None:
    assert encode_changes([]) == []


def test_what_is_none_of_ours_is_left_out() -> None:
    for payload in ("", "x", "{}", "7", '[["7","campaign",1]]', '[[7,"moon",1]]', "[[7]]"):
        assert decode_changes(payload) == []
    assert decode_changes('[[7,"moon",1],[7,"agent",2]]') == [Change(AccountId(7), Shown.AGENT, 2)]
