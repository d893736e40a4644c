from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.audit.chain import (
    EMPTY,
    GENESIS,
    Broken,
    Event,
    Head,
    Intact,
    canonical,
    next_event,
    verify_chain,
)

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def chain(length: int) -> list[Event]:
    events: list[Event] = []
    head = EMPTY
    for number in range(length):
        events.append(next_event(head, at=AT + timedelta(seconds=number), kind="fault", facts={"number": number}))
        head = Head(events[-1].sequence, events[-1].hash)
    return events


def end(events: list[Event]) -> Head:
    return Head(events[-1].sequence, events[-1].hash)


def test_a_chain_as_it_was_written_is_intact_and_tells_its_end() -> None:
    events = chain(5)
    assert verify_chain(events) == Intact(end(events))


def test_a_log_in_which_nothing_happened_yet_is_intact() -> None:
    assert verify_chain([]) == Intact(EMPTY)


def test_the_hash_is_the_one_that_the_documentation_states() -> None:
    event = next_event(EMPTY, at=AT, kind="fault", facts={"b": 1.5, "a": "ü"})
    text = f'["{"0" * 64}",1,"2026-01-05T09:00:00.000000+00:00","fault",{{"a":"\\u00fc","b":1.5}}]'
    assert event.hash == hashlib.sha256(text.encode("ascii")).hexdigest()


def test_an_exported_line_holds_all_that_is_needed_to_check_it() -> None:
    for event in chain(3):
        line = json.loads(event.as_json_line())
        facts = json.dumps(line["facts"], sort_keys=True, separators=(",", ":"))
        text = f'["{line["previous"]}",{line["seq"]},"{line["at"]}","{line["kind"]}",{facts}]'
        assert hashlib.sha256(text.encode()).hexdigest() == line["hash"]


def test_a_time_is_written_in_utc_and_a_naive_one_is_refused() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert next_event(EMPTY, at=AT.astimezone(tokyo), kind="fault", facts={}).at == "2026-01-05T09:00:00.000000+00:00"
    with pytest.raises(ValueError, match="time zone"):
        next_event(EMPTY, at=datetime(2026, 1, 5), kind="fault", facts={})


@given(st.integers(1, 12), st.data())
def test_a_changed_field_is_found_at_its_row(length: int, data: st.DataObject) -> None:
    events = chain(length)
    index = data.draw(st.integers(0, length - 1))
    changes = (
        {"at": "2026-01-05T09:00:01.000001+00:00"},
        {"kind": "person.erased"},
        {"facts": '{"number":99}'},
        {"facts": events[index].facts + " "},
        {"facts": events[index].facts.encode()},
        {"at": None},
        {"kind": 7},
        {"facts": "\udcff"},
        {"previous": "f" * 64},
        {"previous": None},
        {"hash": "f" * 64},
        {"hash": b""},
        {"sequence": 77},
        {"sequence": 0},
        {"sequence": -3},
    )
    events[index] = replace(events[index], **data.draw(st.sampled_from(changes)))  # type: ignore[arg-type]
    verdict = verify_chain(events)
    assert isinstance(verdict, Broken)
    assert verdict.sequence == index + 1


@given(st.integers(2, 12), st.data())
def test_a_row_taken_out_is_found_where_it_was(length: int, data: st.DataObject) -> None:
    events = chain(length)
    index = data.draw(st.integers(0, length - 2))
    del events[index]
    verdict = verify_chain(events)
    assert isinstance(verdict, Broken)
    assert verdict.sequence == index + 1
    assert "missing" in verdict.why


@given(st.permutations(range(6)).filter(lambda order: order != sorted(order)))
def test_reordered_rows_are_found_at_the_first_out_of_place(order: list[int]) -> None:
    events = chain(6)
    first = next(place for place, index in enumerate(order) if place != index)
    verdict = verify_chain([events[index] for index in order])
    assert isinstance(verdict, Broken)
    assert verdict.sequence == first + 1


@given(st.permutations(range(6)).filter(lambda order: order != sorted(order)))
def test_rows_whose_contents_were_exchanged_under_their_old_numbers_are_found(order: list[int]) -> None:
    events = chain(6)
    exchanged = [replace(events[index], sequence=place + 1) for place, index in enumerate(order)]
    first = next(place for place, index in enumerate(order) if place != index)
    verdict = verify_chain(exchanged)
    assert isinstance(verdict, Broken)
    assert verdict.sequence == first + 1


def test_a_forged_row_with_its_own_sound_hash_is_found_by_the_row_after_it() -> None:
    events = chain(4)
    forged = next_event(Head(1, events[0].hash), at=AT, kind="decision.granted", facts={"person": "p-me"})
    verdict = verify_chain([events[0], forged, *events[2:]])
    assert verdict == Broken(3, "it does not follow the row before it")


def test_a_cut_tail_looks_intact_and_is_found_only_beside_a_kept_end() -> None:
    events = chain(5)
    assert isinstance(verify_chain(events[:3]), Intact), "the chain alone cannot know"
    verdict = verify_chain(events[:3], expected=end(events))
    assert isinstance(verdict, Broken)
    assert verdict.sequence == 4
    assert "cut off" in verdict.why


def test_an_emptied_log_is_found_beside_a_kept_end() -> None:
    verdict = verify_chain([], expected=end(chain(5)))
    assert isinstance(verdict, Broken)
    assert verdict.sequence == 1


def test_a_log_written_anew_looks_intact_and_is_found_only_beside_a_kept_end() -> None:
    kept = end(chain(3))
    rewritten = [next_event(EMPTY, at=AT, kind="fault", facts={"number": "forged"})]
    for number in range(4):
        rewritten.append(next_event(end(rewritten), at=AT, kind="fault", facts={"number": number}))
    assert isinstance(verify_chain(rewritten), Intact), "the chain has no secret"
    verdict = verify_chain(rewritten, expected=kept)
    assert isinstance(verdict, Broken)
    assert verdict.sequence == 3
    assert "rewritten" in verdict.why


@given(st.integers(0, 8), st.integers(0, 8))
def test_a_kept_end_of_the_true_log_stays_good_as_the_log_grows(kept: int, more: int) -> None:
    events = chain(kept + more)
    expected = end(events[:kept]) if kept else EMPTY
    assert isinstance(verify_chain(events, expected=expected), Intact)


@given(st.integers(0, 10**9), st.binary(min_size=32, max_size=32))
def test_an_end_is_read_back_as_it_was_written(sequence: int, digest: bytes) -> None:
    head = Head(sequence, digest.hex())
    assert Head.parse(str(head)) == head


@pytest.mark.parametrize(
    "text",
    ["", "5", ":", "5:abc", f"x:{GENESIS}", f"-1:{GENESIS}", f"5:{GENESIS}0", f"5:{'G' * 64}", f"\u0665:{GENESIS}"],
)
def test_what_is_no_end_of_a_chain_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="SEQUENCE:HASH"):
        Head.parse(text)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda parts: st.one_of(st.lists(parts, max_size=3), st.dictionaries(st.text(), parts, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_facts_have_one_text_that_reads_back_to_itself(facts: dict[str, object]) -> None:
    text = canonical(facts)
    assert text.isascii()
    assert "\n" not in text
    assert canonical(json.loads(text)) == text
    assert canonical(dict(reversed(facts.items()))) == text


def test_a_score_that_is_no_number_is_recorded_by_its_name() -> None:
    facts = {"score": float("nan"), "cues": [float("inf"), (1.0, -float("inf"))]}
    assert json.loads(canonical(facts)) == {"score": "nan", "cues": ["inf", [1.0, "-inf"]]}


@given(st.dictionaries(st.text(max_size=4), json_values, max_size=2), st.text(max_size=8), st.text(max_size=8))
def test_no_two_different_events_share_the_text_that_is_hashed(facts: dict[str, object], at: str, kind: str) -> None:
    event = replace(chain(1)[0], at=at, kind=kind, facts=canonical(facts))
    text = f"[{json.dumps(event.previous)},1,{json.dumps(at)},{json.dumps(kind)},{event.facts}]"
    previous, sequence, read_at, read_kind, read_facts = json.loads(text)
    assert (previous, sequence, read_at, read_kind, canonical(read_facts)) == (GENESIS, 1, at, kind, event.facts)
