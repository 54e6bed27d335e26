"""Records that say the same are kept once; what only looks alike is kept."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.deduplication import deduplicate
from curation.records import Record, SetAside, Source
from curation.sameness import Wording, say_the_same

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
    ("left", "right"),
    [("25", "26"), ("25", "2.5"), ("25", "-25"), ("二十", "三十"), ("25", "二六")],
)
def test_numbers_that_differ_are_never_merged(record: Any, left: str, right: str) -> None:
    first = record("精算は?", LONG.replace("25", left))
    for question in ("精算は?", "ご精算は?"):
        other = record(question, LONG.replace("25", right))
        assert reasons(first, other) == ["conflicting_answer"]


def test_one_template_for_many_names(record: Any) -> None:
    names = ["札幌", "仙台", "横浜", "さくら", "もみじ", "ルビー", "Osaka", "Lagos"]
    records = [record(f"{name}支店の受付は?", f"{name}支店では、" + LONG) for name in names]
    assert deduplicate(records) == (records, [])


@pytest.mark.parametrize(
    ("question", "asked", "answer", "reason"),
    [
        ("駐車場は使えますか?", "駐車場は使えますか?", "使えません", "conflicting_answer"),
        ("駐車場は使えますか?", "駐車場は使えますか?", "はい、使えます", "conflicting_answer"),
        ("駐車場は使えますか?", "ご駐車場は使えるでしょうか", "使えません", "conflicting_answer"),
        ("駐車場は使えますか?", "駐車場は使えるか", "使える", "near_duplicate"),
        ("駐車場は使えますか?", "駐輪場は使えますか?", "使えます", ""),
        ("May I park here?", "Can I please park here?", "使えません", "conflicting_answer"),
        ("May I park here?", "Can I park there tonight?", "使えます", ""),
    ],
)
def test_one_question_or_two(
    record: Any, question: str, asked: str, answer: str, reason: str
) -> None:
    first, second = record(question, "使えます"), record(asked, answer)
    assert "".join(reasons(first, second)) == reason


def test_question_in_other_words_of_the_very_answer(record: Any) -> None:
    assert reasons(record("報告書は出しますか?", LONG), record("報告書は提出しますか?", LONG)) == [
        "near_duplicate"
    ]
    assert reasons(record("入社の手続きは?", LONG), record("退社の手続きは?", LONG)) == []
    assert reasons(record("東京から大阪へは?", LONG), record("大阪から東京へは?", LONG)) == []


def test_a_day_that_has_not_come_is_none() -> None:
    typo, today = (
        Record(("q",), answer, Source("document", f"raw/hr/{day}/a.jsonl"))
        for answer, day in (("10日", "2999/12/31"), ("5日", "2026/11/27"))
    )
    (kept,), _ = deduplicate([typo, today], date(2026, 11, 28))
    assert kept.answer == "5日"
    (kept,), _ = deduplicate([typo, today])
    assert kept.answer == "10日"


def test_conflict_names_both_sides(record: Any) -> None:
    (conflict,) = deduplicate([record("q", "5日"), record("q", "10日")])[1]
    assert conflict.content["answer"] == "10日"
    assert "raw/a.jsonl" in conflict.detail
    assert "5日" in conflict.detail


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
@settings(max_examples=60)
def test_properties(records: list[Record]) -> None:
    kept, set_aside = deduplicate(records)
    assert deduplicate(kept) == (kept, [])
    order = [record.answer for record in records]
    positions = iter(order)
    assert all(record.answer in positions for record in kept), "the order has changed"
    assert len(kept) + len(set_aside) >= len(records)
    for index, left in enumerate(kept):
        for right in kept[:index]:
            sides = [[Wording(one.questions[0]), Wording(one.answer)] for one in (left, right)]
            assert not all(map(say_the_same, *sides))


def dated(day: str, question: str, answer: str, *phrasings: str) -> Record:
    source = Source("document", f"raw/hr/{day}/rules.jsonl")
    return Record((question, *phrasings), answer, source)


OLD, NEW, LAST = "2026/01/10", "2026/11/01", "2026/12/24"


def answers(*records: Record) -> tuple[list[str], list[SetAside]]:
    kept, set_aside = deduplicate(records)
    return [one.answer for one in kept], set_aside


@pytest.mark.parametrize("asked", ["日当は?", "日当は", "ご日当は?"])
def test_newer_document_wins(asked: str) -> None:
    old, new = dated(OLD, "日当は?", "2,000円"), dated(NEW, asked, "3,000円")
    for records in ((old, new), (new, old)):
        kept, (loser,) = answers(*records)
        assert (kept, loser.reason) == (["3,000円"], "superseded")
        assert loser.content["answer"] == "2,000円"
        for named in ("raw/hr/2026/11/01/rules.jsonl", "2026-11-01", "2026-01-10", "3,000円"):
            assert named in loser.detail


def test_same_day_or_none_is_a_conflict() -> None:
    undated = Record(("日当は?",), "2,000円", Source("document", "raw/a.jsonl"))
    for first, second in [
        (dated(NEW, "日当は?", "3,000円"), dated(NEW, "日当は?", "2,000円")),
        (dated(NEW, "日当は?", "3,000円"), undated),
    ]:
        kept, (loser,) = answers(first, second)
        assert (kept, loser.reason) == (["3,000円"], "conflicting_answer")


def test_what_a_newer_document_repeats_is_an_exact_duplicate() -> None:
    kept, (older,) = deduplicate([dated(OLD, "日当は?", "5円"), dated(NEW, "日当は?", "5円")])
    assert (older.reason, older.source.uri) == ("exact_duplicate", f"raw/hr/{OLD}/rules.jsonl")
    assert [one.created_at for one in kept] == ["2026-01-10"]


def test_answer_that_came_back_is_as_new_as_its_return() -> None:
    kept, _ = deduplicate(
        [dated(day, "日当は?", f"{n}円") for day, n in [(OLD, 5), (NEW, 6), (LAST, 5)]]
    )
    assert [(one.answer, one.created_at) for one in kept] == [("5円", "2026-12-24")]


def test_newer_question_that_is_an_older_ones_phrasing() -> None:
    old = dated(OLD, "日当はいくら?", "2,000円", "出張の日当は?")
    kept, (loser,) = answers(old, dated(NEW, "出張の日当は?", "3,000円"))
    assert (kept, loser.reason) == (["3,000円"], "superseded")
    assert loser.content["phrasings"] == ["出張の日当は?"]


def test_phrasing_that_two_documents_have_goes_to_the_newer() -> None:
    old, new = dated(OLD, "日当は?", "5円", "いくら?"), dated(NEW, "宿泊費は?", "6円", "いくら?")
    kept, (loser,) = deduplicate([old, new])
    assert [one.questions for one in kept] == [("宿泊費は?", "いくら?"), ("日当は?",)]
    assert (loser.reason, loser.content["question"]) == ("superseded", "いくら?")


def test_thousands_that_differ_in_a_number(record: Any) -> None:
    """Nothing is merged, and it takes a moment: none is compared with all the others."""
    records = [
        record(f"社員番号{number}の内線は?", f"社員番号{number}の内線番号は{number}です。" + LONG)
        for number in range(3000)
    ]
    kept, set_aside = deduplicate(records)
    assert (len(kept), set_aside) == (3000, [])
