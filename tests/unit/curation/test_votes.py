"""Votes and corrections as preferences, where a model is to learn from such."""

from __future__ import annotations

from typing import Any

import pytest

from meguru.dataset_version import Row, read_dataset_version
from training.worker import read_parquet

PHRASINGS = ["期限は?", "いつまで?", "提出日は?"]


def rows(curated: Any) -> tuple[Row, ...]:
    return read_dataset_version(curated.folder, read_parquet).rows


def vote(lake: Any, name: str, rating: int, answer: str = "5日です", **more: Any) -> None:
    said = {
        "feedback_id": name,
        "question": "締切は?",
        "answer": answer,
        "rating": rating,
        "corrected_output": "",
        "created_at": "2026-11-22T01:00:00+00:00",
    }
    lake.feedback(name, said | more)


def test_votes_are_rows_only_where_they_are_asked_for(lake: Any) -> None:
    vote(lake, "fb-1", 1)
    vote(lake, "fb-2", -1, answer="知りません")
    vote(lake, "fb-3", 0, answer="多分5日です")
    assert rows(lake.curate()) == ()
    curated = lake.curate(with_preferences=True)
    assert {(row.answer, row.rating, row.weight) for row in rows(curated)} == {
        ("5日です", 1, 1),
        ("知りません", -1, 1),
    }
    assert curated.manifest()["feedback_ids"] == ["fb-1", "fb-2"]
    assert curated.result["feedback_ids"] == ["fb-1", "fb-2", "fb-3"]


@pytest.mark.parametrize(
    ("ratings", "rating"), [([1, 1, -1], 1), ([1, -1, -1], -1), ([1, -1], 0), ([-1], -1)]
)
def test_an_answer_has_the_vote_of_most(lake: Any, ratings: list[int], rating: int) -> None:
    for number, one in enumerate(ratings):
        vote(lake, f"fb-{number}", one, answer=("5日です", "5日です。")[number % 2])
    curated = lake.curate(with_preferences=True)
    assert [row.rating for row in rows(curated)] == ([rating] if rating else [])
    assert curated.manifest()["set_aside"] == ({} if rating else {"undecided": len(ratings)})


def test_a_vote_that_is_sent_again_counts_once(lake: Any) -> None:
    vote(lake, "fb-1", 1)
    vote(lake, "fb-1b", 1, feedback_id="fb-1")
    vote(lake, "fb-2", -1)
    assert lake.curate(with_preferences=True).manifest()["set_aside"] == {"undecided": 2}


def test_after_other_turns_it_is_a_vote_on_another_answer(lake: Any) -> None:
    vote(lake, "fb-1", 1)
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    vote(lake, "fb-2", -1, context=turns)
    read = rows(lake.curate(with_preferences=True))
    assert {(row.rating, len(row.context)) for row in read} == {(1, 0), (-1, 2)}


def test_a_correction_is_preferred_to_what_it_corrects(lake: Any) -> None:
    lake.document("a.jsonl", [{"question": "締切は?", "answer": "5日です"}])
    vote(lake, "fb-1", -1, corrected_output="10日です")
    vote(lake, "fb-2", 1)
    curated = lake.curate(with_preferences=True)
    (row,) = rows(curated)
    assert (row.answer, row.rejected, row.weight) == ("10日です", "5日です", 4)
    assert curated.manifest()["set_aside"] == {"superseded": 2}
    (plain,) = rows(lake.curate())
    assert (plain.answer, plain.rejected) == ("10日です", "")


@pytest.mark.parametrize(
    ("better", "expected"),
    [
        (["B"], [("B", "A")]),
        (["B", "A", "B"], [("B", "A")]),
        (["A", "A", "B"], [("A", "B")]),
        (["A", "B"], []),
    ],
)
def test_of_two_answers_most_people_preferred_one(
    lake: Any, better: list[str], expected: list[tuple[str, str]]
) -> None:
    for number, one in enumerate(better):
        worse = {"A": "B", "B": "A"}[one]
        vote(lake, f"fb-{number}", 0, answer=worse, preferred_answer=one)
    curated = lake.curate(with_preferences=True)
    read = rows(curated)
    assert [(row.answer, row.rejected) for row in read] == expected
    assert all(row.rating == 0 for row in read)
    assert curated.manifest()["set_aside"] == ({} if expected else {"undecided": len(better)})
    assert rows(lake.curate()) == ()


def test_a_preference_is_no_correction(lake: Any) -> None:
    lake.document("a.jsonl", [{"question": "締切は?", "answer": "5日です"}])
    vote(lake, "fb-1", -1, answer="知りません", preferred_answer="10日です")
    read = rows(lake.curate(with_preferences=True))
    assert {(row.answer, row.rejected) for row in read} == {
        ("5日です", ""),
        ("10日です", "知りません"),
    }
    vote(lake, "fb-2", -1, corrected_output="20日です")
    curated = lake.curate(with_preferences=True)
    assert [(row.answer, row.rejected) for row in rows(curated)] == [("20日です", "5日です")]
    assert curated.manifest()["set_aside"] == {"superseded": 2}


@pytest.mark.parametrize("preferred", ["", None, "5日です ", 7])
def test_what_prefers_nothing_else_is_its_rating(lake: Any, preferred: Any) -> None:
    vote(lake, "fb-1", -1, preferred_answer=preferred)
    curated = lake.curate(with_preferences=True)
    assert [(row.answer, row.rejected, row.rating) for row in rows(curated)] == (
        [] if preferred == 7 else [("5日です", "", -1)]
    )


@pytest.mark.parametrize("answer", [None, "", "10日です ", 5])
def test_correction_of_nothing_else_has_no_worse_answer(lake: Any, answer: Any) -> None:
    vote(lake, "fb-1", 0, answer=answer, corrected_output="10日です")
    (row,) = rows(lake.curate(with_preferences=True))
    assert (row.answer, row.rejected) == ("10日です", "")


def test_no_vote_gives_away_what_is_held_out(lake: Any) -> None:
    lake.document("a.jsonl", [{"question": "締切は?", "answer": "5日", "phrasings": PHRASINGS}])
    for number, question in enumerate(PHRASINGS):
        vote(lake, f"fb-{number}", 1, question=question)
    curated = lake.curate(with_preferences=True)
    read = rows(curated)
    (held_out,) = (row.question for row in read if row.split == "held_out")
    assert held_out not in {row.question for row in read if row.rating}
    assert curated.manifest()["set_aside"] == {"held_out": 1}


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"answer": None}, "missing_answer"),
        ({"question": ""}, "missing_question"),
        ({"created_at": "?"}, "broken_feedback"),
        ({"answer": "a" * 2001}, "too_long"),
    ],
)
def test_vote_that_can_not_be_used(lake: Any, members: dict[str, Any], reason: str) -> None:
    vote(lake, "fb-1", 1)
    vote(lake, "fb-2", 1, **members)
    curated = lake.curate(with_preferences=True)
    assert len(rows(curated)) == 1
    assert curated.manifest()["set_aside"] == {reason: 1}


@pytest.mark.parametrize("rating", [True, 1.0])
def test_vote_in_another_notation(lake: Any, rating: Any) -> None:
    vote(lake, "fb-1", rating)
    assert [row.rating for row in rows(lake.curate(with_preferences=True))] == [1]
