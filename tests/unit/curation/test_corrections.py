"""Corrections take the place of what they correct; no question ends with two answers."""

from __future__ import annotations

from typing import Any

from meguru.fingerprint import fingerprint

DOCUMENT = {
    "question": "締切は?",
    "answer": "5日",
    "phrasings": ["期限は?", "いつまで?", "提出日は?"],
}


def test_correction_replaces_a_document(lake: Any) -> None:
    lake.document("a.jsonl", [DOCUMENT])
    lake.correct("fb-1", "締切は?", "10日", 1)
    curated = lake.curate()
    assert set(curated.answers().values()) == {"10日"}
    assert len(curated.rows()) == 4
    assert {row["corrects_uri"] for row in curated.rows()} == {"raw/a.jsonl"}
    assert {row["weight"] for row in curated.rows()} == {4}
    assert curated.manifest()["feedback_ids"] == ["fb-1"]
    assert curated.manifest()["set_aside"] == {"superseded": 1}


def test_newest_correction_wins(lake: Any) -> None:
    lake.correct("fb-1", "締切は?", "10日", 9)
    lake.correct("fb-2", "締切は", "20日", 1)
    curated = lake.curate()
    assert curated.answers() == {"締切は?": "10日"}
    assert curated.quarantine()[0]["source"] == "fb-2"


def test_replayed_feedback_stays_as_old_as_it_is(lake: Any) -> None:
    lake.correct("fb-1", "締切は?", "10日", 1)
    lake.correct("fb-2", "締切は?", "20日", 2)
    lake.correct("fb-1", "締切は?", "10日", 3, day="2026-11-23")
    assert lake.curate().answers() == {"締切は?": "20日"}


def test_corrected_phrasing_is_for_training(lake: Any) -> None:
    lake.document("a.jsonl", [DOCUMENT])
    before = {row["question"]: row["split"] for row in lake.curate().rows()}
    (held_out,) = (question for question, split in before.items() if split == "held_out")
    lake.correct("fb-1", held_out, "10日", 1)
    after = {row["question"]: row["split"] for row in lake.curate().rows()}
    assert after[held_out] == "train"
    assert list(after.values()).count("held_out") == 1
    assert after.keys() == before.keys()


def test_two_phrasings_corrected_otherwise(lake: Any) -> None:
    lake.document("a.jsonl", [DOCUMENT])
    lake.correct("fb-1", "締切は?", "10日", 1)
    lake.correct("fb-2", "期限は?", "20日", 2)
    curated = lake.curate()
    assert curated.answers() == {
        "締切は?": "10日",
        "期限は?": "20日",
        "いつまで?": "20日",
        "提出日は?": "20日",
    }
    assert curated.manifest()["set_aside"] == {"superseded": 1}


def test_question_no_document_has(lake: Any) -> None:
    lake.document("a.jsonl", [DOCUMENT])
    lake.correct("fb-1", "別の質問", "10日", 1)
    answers = lake.curate().answers()
    assert (answers["別の質問"], answers["締切は?"]) == ("10日", "5日")


def test_broken_feedback_stops_nothing(lake: Any) -> None:
    lake.document("a.jsonl", [DOCUMENT])
    lake.feedback("fb-0", b"[" * 100_000)
    lake.feedback("fb-1", {"corrected_output": "a", "question": "q", "created_at": 5})
    lake.correct("fb-2", "締切は?", "10日", 1)
    curated = lake.curate()
    assert curated.manifest()["set_aside"] == {"broken_feedback": 2, "superseded": 1}


BEFORE, AFTER = "hr/2026/11/20/a.jsonl", "hr/2026/11/23/a.jsonl"


def test_newer_document_counts_for_more_than_a_correction(lake: Any) -> None:
    lake.document(BEFORE, [{"question": "締切は?", "answer": "5日"}])
    lake.correct("fb-1", "締切は?", "10日", 1)
    assert lake.curate().answers() == {"締切は?": "10日"}
    lake.document(AFTER, [{"question": "締切は?", "answer": "15日"}])
    curated = lake.curate()
    assert curated.answers() == {"締切は?": "15日"}
    corrected, older = curated.quarantine()[::-1]
    assert (corrected["source"], older["source"]) == ("fb-1", f"raw/{BEFORE}")
    assert "raw/hr/2026/11/23/a.jsonl" in corrected["detail"]


def test_file_put_again_is_the_answer_that_was_corrected(lake: Any) -> None:
    for name in (BEFORE, AFTER):
        lake.document(name, [{"question": "締切は?", "answer": "5日"}])
    lake.correct("fb-1", "締切は?", "10日", 1)
    assert lake.curate().answers() == {"締切は?": "10日"}


def test_document_of_the_same_day_is_corrected(lake: Any) -> None:
    lake.document("hr/2026/11/22/a.jsonl", [{"question": "締切は?", "answer": "5日"}])
    lake.correct("fb-1", "締切は?", "10日", 1)
    assert lake.curate().answers() == {"締切は?": "10日"}


def test_newer_document_that_agrees_leaves_the_correction(lake: Any) -> None:
    lake.document(AFTER, [{"question": "締切は?", "answer": "10日。"}])
    lake.correct("fb-1", "締切は?", "10日", 1)
    assert [row["source_uri"] for row in lake.curate().rows()] == ["fb-1"]


TURNS = [
    {"role": "user", "content": "精算の締切は？"},
    {"role": "assistant", "content": "５日です"},
]


def test_follow_up_is_kept_with_the_turns_before_it(lake: Any) -> None:
    lake.document("a.jsonl", [DOCUMENT])
    lake.correct("fb-1", "締切は?", "翌月です", 1, context=TURNS)
    curated = lake.curate()
    (row,) = (row for row in curated.rows() if row["source_kind"] == "feedback")
    assert [message["role"] for message in row["context"]] == ["user", "assistant"]
    assert "精算の締切は" in row["context"][0]["content"]
    assert (row["answer"], row["corrects_uri"], row["split"]) == ("翌月です", "", "train")
    # The document's answer to the same words alone stays as it is.
    documents = [row for row in curated.rows() if row["source_kind"] == "document"]
    assert {row["answer"] for row in documents} == {"5日"}
    assert len(documents) == 4 and {tuple(row["context"]) for row in documents} == {()}
    assert curated.manifest()["set_aside"] == {}


def test_same_words_after_other_turns_are_another_question(lake: Any) -> None:
    other = [{"role": "user", "content": "出張は？"}, {"role": "assistant", "content": "可"}]
    lake.correct("fb-1", "締切は?", "翌月です", 1, context=TURNS)
    lake.correct("fb-2", "締切は?", "前日です", 2, context=other)
    lake.correct("fb-3", "締切は?", "10日", 3)
    curated = lake.curate()
    assert sorted(row["answer"] for row in curated.rows()) == ["10日", "前日です", "翌月です"]
    assert len({row["record_id"] for row in curated.rows()}) == 3


def test_newest_correction_of_one_follow_up_wins(lake: Any) -> None:
    again = [{**one, "content": f" {one['content']}\n"} for one in TURNS]
    lake.correct("fb-1", "締切は?", "翌月です", 1, context=TURNS)
    lake.correct("fb-2", "締切は？", "翌々月です", 2, context=again)
    curated = lake.curate()
    assert [row["answer"] for row in curated.rows()] == ["翌々月です"]
    assert curated.quarantine()[0]["source"] == "fb-1"
    assert curated.quarantine()[0]["content"]["context"] == TURNS


def test_record_without_a_context_has_the_id_it_had(lake: Any) -> None:
    lake.correct("fb-1", "締切は?", "10日", 1, context=[])
    lake.correct("fb-2", "期限は?", "10日", 1)
    rows = lake.curate().rows()
    assert {row["record_id"] for row in rows} == {
        fingerprint([question, "10日"]) for question in ("締切は?", "期限は?")
    }


def test_broken_context_sets_one_correction_aside(lake: Any) -> None:
    for number, context in enumerate(
        ["x", [1], [{}], [{"role": "tool", "content": "x"}], [{"role": "user", "content": 1}]]
    ):
        lake.correct(f"fb-{number}", "締切は?", "10日", 1, context=context)
    lake.correct("fb-half", "締切は?", "10日", 1, context=[{"role": "user", "content": "\ud800"}])
    lake.correct("fb-good", "期限は?", "10日", 1)
    curated = lake.curate()
    assert curated.answers() == {"期限は?": "10日"}
    assert curated.manifest()["set_aside"] == {"broken_feedback": 6}
