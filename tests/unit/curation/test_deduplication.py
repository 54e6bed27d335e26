"""Records that say the same are kept once; what only looks alike is kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.deduplication import SIMILARITY, deduplicate, jaccard, numbers_of, shingles_of
from curation.records import Record, Source

LONG = "経費精算の申請は毎月25日までに総務部の窓口へ領収書を添えて提出してください。"
WORDS = st.sampled_from(
    ["経費の締め切り", "有給休暇", "は", "いつ", "どこ", "25日", "3.5", "35", "です"]
)
TEXTS = st.lists(WORDS, min_size=1, max_size=6).map("".join)
RECORDS = st.lists(
    st.builds(
        lambda questions, answer: Record(tuple(questions), answer, Source("document", "raw/a")),
        st.lists(TEXTS, min_size=1, max_size=3, unique=True),
        TEXTS,
    ),
    max_size=12,
)


def reasons(*records: Record) -> list[str]:
    return [one.reason for one in deduplicate(list(records))[1]]


def test_exact_duplicate(record: Any) -> None:
    assert reasons(record("締切は?", "5日"), record("締切は？", "５日。")) == ["exact_duplicate"]


def test_another_phrasing_of_a_known_record(record: Any) -> None:
    assert reasons(record("q", "a", "p"), record("P", "a")) == ["exact_duplicate"]


def test_conflict(record: Any) -> None:
    assert reasons(record("q", "5日"), record("q", "10日")) == ["conflicting_answer"]


def test_near_duplicate(record: Any) -> None:
    assert reasons(record("精算は?", LONG), record("精算は?!", LONG)) == ["exact_duplicate"]
    assert reasons(record("精算は?", LONG), record("ご精算は?", LONG)) == ["near_duplicate"]


@pytest.mark.parametrize(
    ("left", "right"), [("25", "26"), ("25", "2.5"), ("25", "-25"), ("二十", "三十"), ("5", "五")]
)
def test_numbers_that_differ_are_never_merged(record: Any, left: str, right: str) -> None:
    for question in ("精算は?", "ご精算は?"):
        other = record(question, LONG.replace("25", right))
        assert "duplicate" not in "".join(
            reasons(record("精算は?", LONG.replace("25", left)), other)
        )


def test_phrasing_of_another_record_with_another_answer(record: Any) -> None:
    first, second = record("q1", "5日", "p"), record("q2", "10日", "P?", "r")
    kept, set_aside = deduplicate([first, second])
    assert [one.questions for one in kept] == [("q1", "p"), ("q2", "r")]
    (conflict,) = set_aside
    assert (conflict.reason, conflict.content["question"]) == ("conflicting_answer", "P?")


def test_phrasing_of_another_record_with_the_same_answer(record: Any) -> None:
    kept, set_aside = deduplicate([record("q1", "5日", "p"), record("q2", "5日", "p")])
    assert [one.questions for one in kept] == [("q1", "p"), ("q2",)]
    assert set_aside == []


@given(RECORDS)
@settings(max_examples=60, deadline=None)
def test_properties(records: list[Record]) -> None:
    kept, set_aside = deduplicate(records)
    assert deduplicate(kept) == (kept, [])
    order = [record.answer for record in records]
    positions = iter(order)
    assert all(record.answer in positions for record in kept), "the order has changed"
    assert len(kept) + len(set_aside) >= len(records)
    for index, left in enumerate(kept):
        for right in kept[:index]:
            alike = jaccard(shingles_of(left), shingles_of(right)) >= 0.95
            assert not (alike and numbers_of(left) == numbers_of(right))
    assert SIMILARITY < 0.95


def test_thousands_that_differ_in_a_number(record: Any) -> None:
    """Nothing is merged, and it takes a moment: none is compared with all the others."""
    records = [
        record(f"社員番号{number}の内線は?", f"社員番号{number}の内線番号は{number}です。" + LONG)
        for number in range(3000)
    ]
    kept, set_aside = deduplicate(records)
    assert (len(kept), set_aside) == (3000, [])
