"""Leaks: held-out questions that the training split has, and those that only look like it."""

from __future__ import annotations

import pytest

from evaluation.contamination import describe_leaks, find_leaks
from tests.unit.evaluation.answers import make_row

KNOWN = make_row("有給休暇の申請の締切はいつになりますでしょうか?", split="train")


def kinds(question: str, answer: str = "10日です。") -> list[str]:
    return [leak.kind for leak in find_leaks([make_row(question, answer)], [KNOWN])]


@pytest.mark.parametrize(
    ("question", "found"),
    [
        (KNOWN.question, ["exact"]),
        ("有給休暇の申請の締切は、いつになりますでしょうか?", ["normalised"]),
        ("有給休暇の申請の締切はいつに なりますでしょうか", ["normalised"]),
        ("有給休暇の申請の締切はいつになりますでしょうかね?", ["near"]),
        ("有休はいつまでに申し込みますか?", []),
        ("", []),
        ("???", []),
    ],
)
def test_kinds(question: str, found: list[str]) -> None:
    assert kinds(question) == found


def test_the_same_words_with_another_answer_give_it_away_only_as_written() -> None:
    assert kinds("有給休暇の申請の締切はいつになりますでしょうかね?", "総務部です。") == []
    assert kinds(KNOWN.question, "総務部です。") == ["exact"]


def test_another_number_is_another_question() -> None:
    known = make_row("第1会議室の予約はどこからできますか?", split="train")
    other = make_row("第2会議室の予約はどこからできますか?")
    assert find_leaks([other], [known]) == []


def test_after_other_turns_it_is_another_question() -> None:
    turns = ({"role": "user", "content": "出張について"}, {"role": "assistant", "content": "はい"})
    follow_up = make_row(KNOWN.question).after(turns)
    assert find_leaks([follow_up], [KNOWN]) == []
    [leak] = find_leaks([follow_up], [KNOWN.after(turns)])
    assert leak.kind == "exact"


def test_described_with_the_record_that_gives_it_away() -> None:
    described = describe_leaks(find_leaks([make_row(KNOWN.question)], [KNOWN]))
    assert (described["exact"], described["normalised"], described["near"]) == (1, 0, 0)
    assert described["found"][0]["training_question"] == KNOWN.question


def test_nothing_is_found_in_nothing() -> None:
    assert find_leaks([], []) == []
    assert describe_leaks([])["found"] == []
