"""Conversations that are held out stay so, and few are enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation import held_out
from curation.held_out import place_of, places_to_hold_out
from curation.records import Record, Source

SOURCE = Source("document", "raw/a.jsonl")


def chats(number: int, first: int = 0) -> list[Record]:
    return [
        Record((f"question {index}",), "a", SOURCE, is_conversation=True)
        for index in range(first, first + number)
    ]


def test_one_in_ten_is_held_out() -> None:
    assert 60 <= len(places_to_hold_out(chats(1_000))) <= 140


def test_of_ten_one_is_held_out() -> None:
    for number in range(10, 30):
        assert places_to_hold_out(chats(number))


def test_questions_with_phrasings_are_none() -> None:
    records = [Record((f"q{number}",), "a", SOURCE) for number in range(100)]
    assert places_to_hold_out(records) == frozenset()


@given(number=st.integers(10, 300), more=st.integers(0, 300))
def test_none_that_was_learnt_is_held_out_when_others_come(number: int, more: int) -> None:
    before = chats(number)
    learnt = {place_of(one) for one in before} - places_to_hold_out(before)
    assert not learnt & places_to_hold_out([*before, *chats(more, first=number)])


def test_no_more_than_can_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_out, "MAX_HELD_OUT", 20)
    few, many = places_to_hold_out(chats(150)), places_to_hold_out(chats(3_000))
    assert len(many) <= 40
    assert {place_of(one) for one in chats(150)} & many <= few


def test_what_begins_alike_is_in_one_place() -> None:
    turns = ({"role": "system", "content": "s"}, {"role": "user", "content": "Question 1?"})
    long = Record(("and then?",), "a", SOURCE, context=turns, is_conversation=True)
    assert place_of(long) == place_of(chats(1, first=1)[0])
